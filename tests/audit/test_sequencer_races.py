"""Writers and sequencers at the same time, on connections and in processes of their own."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from audit import log
from audit.log import invariants
from audit.log.models import Checkpoint, InboxEvent, Leaf
from audit.log.proofs import log_size
from audit.log.recording import CHANNEL
from audit.models import Person
from tests.audit.conftest import Record, record_events
from tests.conftest import PROJECT_DIR, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def database_url() -> str:
    settings = connection.settings_dict
    return f"postgresql://{settings['USER']}:@/{settings['NAME']}?host={settings['HOST']}"


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Run ``work`` on a database connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_late_commit_is_neither_lost_nor_doubled(record: Record) -> None:
    """A transaction that took its inbox id first commits last, after the sequencer went past that id."""
    written, may_commit = threading.Event(), threading.Event()
    late: list[UUID] = []

    def write_late() -> None:
        with transaction.atomic():
            late.extend(record())
            written.set()
            may_commit.wait(timeout=20)

    thread = in_thread(write_late)
    assert written.wait(timeout=20)
    (early,) = record()
    log.integrate_pending()
    assert Leaf.objects.filter(event_id=early).exists()
    assert not Leaf.objects.filter(event_id=late[0]).exists()
    may_commit.set()
    thread.join()
    assert log.integrate_pending() == 1
    assert Leaf.objects.get(event_id=late[0]).seq == log_size() - 1
    assert log.replay_log().is_sound


def test_many_writers_and_sequencers_lose_and_double_nothing(record: Record) -> None:
    written: list[UUID] = []
    done = threading.Event()

    def write() -> None:
        for _ in range(25):
            with transaction.atomic():
                ids = record(random.randint(1, 3))
                if random.random() < 0.1:
                    transaction.set_rollback(True)
                    continue
            written.extend(ids)

    def sequence() -> None:
        while not done.is_set():
            log.integrate_pending()

    writers = [in_thread(write) for _ in range(6)]
    sequencers = [in_thread(sequence) for _ in range(2)]
    for thread in writers:
        thread.join()
    done.set()
    for thread in sequencers:
        thread.join()
    log.integrate_pending()
    in_log = set(Leaf.objects.filter(action="person.signed_in").values_list("event_id", flat=True))
    assert in_log == set(written)
    assert Checkpoint.objects.count() > 1
    assert log.replay_log().is_sound


def test_sequencer_is_woken_once_a_transaction_and_only_by_a_commit(record: Record) -> None:
    with psycopg.connect(database_url()) as listener:
        listener.autocommit = True
        listener.execute(f"LISTEN {CHANNEL}")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record(2), 1 / 0
        with transaction.atomic():
            with contextlib.suppress(ZeroDivisionError), transaction.atomic():
                record(2), 1 / 0
            record(3)
            record(3)
        assert len(list(listener.notifies(timeout=0.5))) == 1


def test_second_sequencer_waits_for_the_first(record: Record) -> None:
    record()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [log.sequencer.LOCK_ID])
    thread = in_thread(log.integrate_pending)
    thread.join(timeout=0.5)
    assert thread.is_alive()
    assert log_size() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [log.sequencer.LOCK_ID])
    thread.join(timeout=20)
    assert log_size() > 0


def test_integration_inside_a_transaction_is_refused(record: Record) -> None:
    record()
    with pytest.raises(RuntimeError), transaction.atomic():
        log.integrate_pending()
    assert log_size() == 0


def test_invariants_see_one_moment_of_the_database(
    record: Record, auditor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that is recorded while the checks run belongs to none of them."""
    seen: list[int] = []

    def check() -> list[str]:
        seen.append(InboxEvent.objects.count())
        in_thread(record).join()
        seen.append(InboxEvent.objects.count())
        return []

    monkeypatch.setattr(invariants, "_invariants", {"consents": check})
    assert log.replay_log().is_sound
    assert seen[0] == seen[1] == InboxEvent.objects.count() - 1


@contextmanager
def daemon() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sequence_log"],
        cwd=PROJECT_DIR,
        env=os.environ | {"DATABASE_URL": database_url()},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_daemon_integrates_and_ends_cleanly_on_sigterm(record: Record) -> None:
    record(3)
    with daemon() as process:
        wait_until(lambda: Checkpoint.objects.exists(), seconds=30)
        (event_id,) = record()
        started = time.monotonic()
        wait_until(lambda: Leaf.objects.filter(event_id=event_id).exists(), seconds=10)
        assert time.monotonic() - started < 5
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "integrated 1 events" in errors
    assert "sequencer stopped" in errors
    assert log.replay_log().is_sound


def test_daemon_on_a_truncated_log_says_why_and_ends(record: Record) -> None:
    record()
    log.integrate_pending()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE audit_leaf, audit_node")
        cursor.execute("SET session_replication_role = DEFAULT")
    with daemon() as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2, errors
    assert "log.shrunk" in errors


def test_killed_sequencers_lose_and_double_nothing(auditor: Person) -> None:
    """Kill them at random moments while somebody writes, and let the next one go on."""
    written: list[UUID] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            written.extend(record_events(auditor))

    writer = in_thread(write)
    try:
        for _ in range(12):
            with forked_sequencer() as pid:
                before = log_size()
                wait_until(lambda before=before: log_size() > before, seconds=30)
                time.sleep(random.uniform(0, 0.1))
                os.kill(pid, signal.SIGKILL)
    finally:
        done.set()
        writer.join()
    log.integrate_pending()
    assert not InboxEvent.objects.exists()
    in_log = list(Leaf.objects.filter(action="person.signed_in").values_list("event_id", flat=True))
    assert sorted(in_log) == sorted(written)
    assert log.replay_log().is_sound


@contextmanager
def forked_sequencer() -> Iterator[int]:
    """A process that integrates without pause, on a connection of its own, until it is killed."""
    pid = os.fork()
    if pid == 0:
        # The connection that was inherited is the parent's: it must be neither used nor closed here.
        inherited, connection.connection = connection.connection, None
        while inherited:
            log.integrate_pending()
    try:
        yield pid
    finally:
        os.waitpid(pid, 0)
