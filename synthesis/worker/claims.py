"""Holding a row: one worker at a time, and only while it shows that it lives.

1. A claim is a conditional UPDATE that must change exactly one row; it counts ``attempts`` up.
2. Every later write of the holder demands the same ``attempts`` and a held state, again on exactly one row.
3. A thread beats every second. A beat that finds the row no longer held (withdrawn, frozen, given to another)
   stops the engine in the middle of the sentence.

So a worker that was taken for dead and wakes up again can change nothing.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

from django.db import DatabaseError, connection
from django.db.models import F, QuerySet
from django.utils import timezone

from synthesis.errors import LeaseLostError
from synthesis.models import Render, VoiceModel

BEAT_S = 1.0

Row = TypeVar("Row", Render, VoiceModel)
logger = logging.getLogger(__name__)


def worker_name() -> str:
    """``host:process id``, by which a sweep on the same host sees at once that a holder has died."""
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(rows: QuerySet[Row], *, to: str, worker: str, now: datetime) -> Row | None:
    """Take the one row in ``rows`` if it still waits; None where there is nothing to do."""
    taken = rows.filter(status="queued").update(
        status=to,
        claimed_by=worker,
        claimed_at=now,
        heartbeat_at=now,
        attempts=F("attempts") + 1,
        failure_code="",
        failure_message="",
    )
    return rows.get() if taken else None


def held(row: Row) -> QuerySet[Row]:
    """The row as long as this claim on it stands."""
    rows: QuerySet[Row] = type(row).objects.filter(
        pk=row.pk, attempts=row.attempts, claimed_by=row.claimed_by, status__in=row.HELD
    )
    return rows


def advance(row: Row, *, to: str, now: datetime) -> None:
    """Move a held row one step on. Raises LeaseLostError ``worker.lease_lost``."""
    assert to in row.TRANSITIONS[row.status], f"no edge from {row.status} to {to}"
    require_held(held(row).filter(status=row.status).update(status=to, heartbeat_at=now))
    row.status = to


def require_held(changed: int) -> None:
    """Raises LeaseLostError ``worker.lease_lost`` unless exactly one row was changed."""
    if changed != 1:
        raise LeaseLostError("worker.lease_lost", "This work was withdrawn or given to another worker.")


class Heartbeat:
    """Beats for a held row in a thread of its own, until the block ends or the row is lost.

    ``on_lost`` is called in that thread, once.
    """

    def __init__(self, row: Render | VoiceModel, on_lost: Callable[[], None]) -> None:
        self.row = row
        self.on_lost = on_lost
        self.done = threading.Event()
        self.lost = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"heartbeat-{row.pk}", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.done.set()
        self.thread.join()

    def require(self) -> None:
        """Raises LeaseLostError ``worker.lease_lost`` once a beat has found the row lost."""
        require_held(0 if self.lost.is_set() else 1)

    def _run(self) -> None:
        try:
            while not self.done.wait(BEAT_S):
                try:
                    beating = held(self.row).update(heartbeat_at=timezone.now())
                except DatabaseError:
                    # The database may be restarting: the lease outlasts many beats.
                    logger.warning("No heartbeat for %s", self.row, exc_info=True)
                    connection.close()
                    continue
                if not beating:
                    self.lost.set()
                    self.on_lost()
                    return
        finally:
            connection.close()
