"""What every test shares: a database that may be emptied, real workers, and the usual people."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

PROJECT_DIR = Path(__file__).resolve().parent.parent
# A shared machine is slow now and then; how long one example takes says nothing about the code.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
PASSWORD = "a long password for tests"


@pytest.fixture(scope="session", autouse=True)
def flush_passes_the_log_triggers() -> Iterator[None]:
    """Tests that need real transactions are cleaned up by TRUNCATE, which the log's triggers refuse.

    Only here, and only around that flush, the triggers are off; afterwards the role groups, which a
    migration made, are made again.
    """
    real = DatabaseOperations.execute_sql_flush

    def flush(self: DatabaseOperations, sql_list: list[str]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            try:
                real(self, sql_list)
            finally:
                cursor.execute("SET session_replication_role = DEFAULT")
        from audit.roles import ensure_role_groups

        ensure_role_groups()

    DatabaseOperations.execute_sql_flush = flush
    yield
    DatabaseOperations.execute_sql_flush = real


@pytest.fixture(autouse=True)
def last_signed_size_is_forgotten() -> None:
    """Each test starts with an empty log; the signer would refuse to go back behind the last test's."""
    (settings.KEYS_DIR / "log-state.json").unlink(missing_ok=True)


@pytest.fixture
def now() -> datetime:
    return NOW


class Worker:
    """A Celery worker in a process of its own, on the test database."""

    def __init__(self, queues: str, log: Path, environ: dict[str, str]) -> None:
        self.log = log
        self.file = log.open("wb")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "--app", "portal", "worker"),
                *("--queues", queues, "--pool", "prefork", "--concurrency", "1"),
                *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
            ],
            cwd=PROJECT_DIR,
            env=environ,
            stdout=self.file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def kill(self) -> None:
        """What a power cut does: parent and child die at once, nothing is cleaned up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.file.close()


@pytest.fixture
def start_worker(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start workers at will: ``start_worker("gpu,default")``; all end with the test.

    Work is visible to them because ``transactional_db`` really commits.
    """
    settings = connection.settings_dict
    environ = os.environ | {
        "DATABASE_URL": f"postgresql://{settings['USER']}:@/{settings['NAME']}?host={settings['HOST']}",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    workers: list[Worker] = []

    def start(queues: str = "gpu,default", **extra: str) -> Worker:
        worker = Worker(queues, tmp_path / f"worker-{len(workers)}.log", environ | extra)
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.stop()


def wait_until(condition: Callable[[], object], *, seconds: float = 60, message: str = "") -> None:
    """Poll ``condition`` until it is true, or fail with ``message``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(message or f"{condition} did not come true within {seconds} s")
        time.sleep(0.1)
