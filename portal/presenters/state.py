"""How the parts of the portal are: database, broker, workers and event log. Each answers for itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from celery import current_app
from django.db import DatabaseError, connection
from kombu.exceptions import KombuError
from redis import RedisError

from audit.log.proofs import latest_checkpoint, log_size
from audit.log.queries import pending_events

PING_S = 0.5
# Asking the workers takes PING_S and goes over the broker; nobody needs it more often than this.
KEEP_S = 5.0
INBOX_PATIENCE = 200
QUEUES = ("default", "gpu")


@dataclass(frozen=True, slots=True)
class Part:
    """``detail`` is for administrators; the public page shows only whether the part is well."""

    name: str
    is_well: bool
    detail: str


_workers: tuple[float, Part] | None = None


def parts() -> list[Part]:
    return [_safely("database", _database), _safely("redis", _broker), workers(), _safely("log", _log)]


def workers() -> Part:
    """Which queues somebody listens to, remembered for a few seconds."""
    global _workers
    if _workers is None or time.monotonic() - _workers[0] > KEEP_S:
        _workers = (time.monotonic(), _safely("workers", _ask_workers))
    return _workers[1]


def _safely(name: str, look: Callable[[], Part]) -> Part:
    """A part that cannot even be asked is not well; this page still has to be shown."""
    try:
        return look()
    except (DatabaseError, RedisError, KombuError, OSError) as error:
        return Part(name, False, f"{type(error).__name__}: {error}")


def _database() -> Part:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
    return Part("database", True, f"PostgreSQL {version}, {1000 * (time.perf_counter() - started):.1f} ms")


def _broker() -> Part:
    with current_app.connection_for_read() as broker:
        client = broker.default_channel.client
        version = client.info("server")["redis_version"]
        waiting = ", ".join(f"{queue} {client.llen(queue)}" for queue in QUEUES)
    return Part("redis", True, f"Redis {version}; waiting tasks: {waiting}")


def _ask_workers() -> Part:
    answers = current_app.control.inspect(timeout=PING_S).active_queues() or {}
    heard = {queue["name"] for queues in answers.values() for queue in queues}
    missing = [queue for queue in QUEUES if queue not in heard]
    named = ", ".join(sorted(answers)) or "nobody answers"
    detail = f"{named}; nobody listens to {' and '.join(missing)}" if missing else named
    return Part("workers", not missing, detail)


def _log() -> Part:
    checkpoint, size, pending = latest_checkpoint(), log_size(), pending_events()
    signed = checkpoint.size if checkpoint else 0
    well = pending < INBOX_PATIENCE and signed == size
    return Part("log", well, f"{size} events, {signed} under the newest checkpoint, {pending} waiting")
