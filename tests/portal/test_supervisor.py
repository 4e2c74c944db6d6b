"""The parent of all processes, with small real processes in place of the portal's own."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portal import services
from portal.services import redis
from portal.supervisor import Part, Supervisor, parts, port_is_free

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def said() -> list[str]:
    return []


def watch(supervisor: Supervisor, *, seconds: float = 10) -> None:
    """Watch until every part runs."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        supervisor.watch_once()
        if all(part.process and part.process.poll() is None for part in supervisor.children):
            return
        time.sleep(0.05)
    pytest.fail("the parts did not come up")


def test_a_part_that_dies_is_started_again(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor([Part("sleeper", SLEEPER)], tmp_path, said.append)
    watch(supervisor)
    first = supervisor.children[0].process
    assert first is not None
    first.kill()
    first.wait()
    supervisor.watch_once()
    watch(supervisor)
    second = supervisor.children[0].process
    supervisor.stop()
    assert second is not None
    assert second.pid != first.pid
    assert said == [f"sleeper ended with status {-signal.SIGKILL}; starting it again in 0.5 s"]


def test_a_part_that_dies_at_once_is_started_ever_more_slowly(tmp_path: Path, said: list[str]) -> None:
    part = Part("broken", [sys.executable, "-c", "raise SystemExit(3)"])
    supervisor = Supervisor([part], tmp_path, said.append)
    deadline = time.monotonic() + 10
    while len(said) < 2 and time.monotonic() < deadline:
        supervisor.watch_once()
        time.sleep(0.02)
    assert said == [
        "broken ended with status 3; starting it again in 0.5 s",
        "broken ended with status 3; starting it again in 1 s",
    ]


def test_stop_ends_every_part(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor([Part(name, SLEEPER) for name in ("one", "two")], tmp_path, said.append)
    watch(supervisor)
    supervisor.stop()
    assert all(part.process and part.process.poll() is not None for part in supervisor.children)


def test_every_part_of_the_portal_has_its_own_process() -> None:
    names = [part.name for part in parts("127.0.0.1", 8000)]
    assert names == ["log", "web", "worker-default", "worker-gpu", "scheduler"]


def test_a_taken_port_is_noticed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not port_is_free("127.0.0.1", taken.getsockname()[1])


def test_a_named_server_is_used_as_it_is() -> None:
    environ = {"DATABASE_URL": "postgresql://db.example/voices", "REDIS_URL": "redis://queue.example"}
    before = dict(environ)
    services.provide(environ)
    assert environ == before


def test_redis_is_started_once_and_joined_after(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from portal.services import redis; "
        "folder = pathlib.Path(sys.argv[1]); print(redis.start(folder)); print(redis.start(folder))"
    )
    environ = os.environ | {"PYTHONPATH": str(services.PROJECT_DIR)}
    out = subprocess.check_output([sys.executable, "-c", script, str(tmp_path)], env=environ, text=True)
    first, second = out.split()
    assert first == second
    assert not redis.is_answering(redis.socket_path(tmp_path)), "it must end with the process that started it"


def test_a_long_data_folder_gets_a_short_socket_path(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    assert len(str(redis.socket_path(folder))) <= redis.SOCKET_PATH_MAX
