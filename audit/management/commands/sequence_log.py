"""manage.py sequence_log: the daemon that gives events their place in the log and signs it.

It sleeps until a writer's NOTIFY or for POLL_S, whichever is first, and ends on SIGTERM or SIGINT once
the batch at hand is done. It may be killed at any moment: the next one goes on where it stopped.
"""

import logging
import signal
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from audit.errors import VerificationError
from audit.log.models import InboxEvent
from audit.log.recording import CHANNEL
from audit.log.sequencer import integrate_pending

logger = logging.getLogger(__name__)

POLL_S = 0.5


class Command(BaseCommand):
    help = "Integrate recorded events into the log and sign checkpoints until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        logger.info("sequencer waits for events")
        try:
            integrate()
            while not stop.is_set():
                for _ in connection.connection.notifies(timeout=POLL_S, stop_after=1):
                    pass
                if InboxEvent.objects.exists():
                    integrate()
        except VerificationError as error:
            raise CommandError(str(error), returncode=2) from error
        logger.info("sequencer stopped")


def integrate() -> None:
    started = time.monotonic()
    if count := integrate_pending():
        logger.info("integrated %d events in %.0f ms", count, (time.monotonic() - started) * 1000)
