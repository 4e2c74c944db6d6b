"""One parent for all processes of a portal: ``python -m portal.supervisor`` (``make run``).

It provides PostgreSQL and Redis where none is configured, brings database and static files up to
date, starts the parts below, starts one again that dies, and stops them all on Ctrl-C. Each part
logs to its own file in ``DATA_DIR/logs``. In production a process manager of the operator's choice
runs the same commands.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from portal import services

POLL_S = 0.2
STOP_TIMEOUT_S = 20.0
RESTART_DELAYS_S = (0.5, 1, 2, 5, 10, 30)
# A part that ran this long is healthy again: its next restart is immediate.
HEALTHY_AFTER_S = 60.0
WEB_READY_TIMEOUT_S = 60.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class Part:
    """One supervised process. ``restarts`` counts those since it was last healthy."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    restarts: int = 0


def parts(host: str, port: int) -> list[Part]:
    python = sys.executable
    worker = [python, "-m", "celery", "--app", "portal", "worker", "--loglevel", "INFO"]
    worker += ["--without-gossip", "--without-mingle", "--pool", "prefork"]
    return [
        Part("log", [python, "manage.py", "sequence_log"]),
        Part(
            "web",
            [
                *(python, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)),
                *("--workers", os.environ.get("WEB_WORKERS", "1"), "--blocking-threads", "4"),
                *("--no-ws", "portal.wsgi:application"),
            ],
        ),
        Part(
            "worker-default",
            [*worker, "--queues", "default", "--concurrency", "1", "--hostname", "default@%h"],
        ),
        Part("worker-gpu", [*worker, "--queues", "gpu", "--concurrency", "1", "--hostname", "gpu@%h"]),
        Part("scheduler", [python, "-m", "celery", "--app", "portal", "beat", "--loglevel", "INFO"]),
    ]


def end_with_parent() -> None:
    """In the child: ask Linux for SIGTERM when the supervisor dies, however it dies."""
    set_parent_death_signal = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


class Supervisor:
    def __init__(self, children: list[Part], logs: Path, say: Callable[[str], None]) -> None:
        self.children = children
        self.logs = logs
        self.say = say
        self.stopping = False

    def start(self, part: Part) -> None:
        log = (self.logs / f"{part.name}.log").open("ab")
        with log:
            part.process = subprocess.Popen(
                part.command,
                cwd=services.PROJECT_DIR,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the parts.
                preexec_fn=end_with_parent,
            )
        part.started_at = time.monotonic()

    def watch_once(self) -> None:
        """Start again what died, each time after a longer pause."""
        now = time.monotonic()
        for part in self.children:
            if part.process is None:
                if now >= part.due_at:
                    self.start(part)
                continue
            status = part.process.poll()
            if status is None:
                if part.restarts and now - part.started_at > HEALTHY_AFTER_S:
                    part.restarts = 0
                continue
            delay = RESTART_DELAYS_S[min(part.restarts, len(RESTART_DELAYS_S) - 1)]
            self.say(f"{part.name} ended with status {status}; starting it again in {delay:g} s")
            part.process, part.due_at = None, now + delay
            part.restarts += 1

    def run(self) -> None:
        while not self.stopping:
            self.watch_once()
            time.sleep(POLL_S)

    def stop(self) -> None:
        running = [part.process for part in self.children if part.process and part.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in running:
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def port_is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def wait_for_web(host: str, port: int, supervisor: Supervisor) -> bool:
    deadline = time.monotonic() + WEB_READY_TIMEOUT_S
    while time.monotonic() < deadline and not supervisor.stopping:
        supervisor.watch_once()
        try:
            with socket.create_connection((host, port), timeout=1):
                return True
        except OSError:
            time.sleep(POLL_S)
    return False


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the supervisor talks to the person who started it


def main() -> int:
    host = os.environ.get("HOST", "127.0.0.1")
    port = int(os.environ.get("PORT", "8000"))
    with_demo = os.environ.get("DEMO", "1") != "0"
    folder = services.data_dir(os.environ)
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    if with_demo and host not in LOOPBACK:
        say(f"The demo's passwords are public: it is served on this machine only, not on {host}. Set DEMO=0.")
        return 2
    if not port_is_free(host, port):
        say(f"Port {port} on {host} is taken. Choose another: make run PORT={port + 1}")
        return 2

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    os.environ.setdefault("SITE_URL", f"http://{host}:{port}")
    # The embedded engine computes on one core a process; more threads only spin against each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    supervisor = Supervisor(parts(host, port), logs, say)

    def stop(signum: int, frame: FrameType | None) -> None:
        supervisor.stopping = True

    services.provide(os.environ)
    prepare = [sys.executable, "manage.py", "prepare", *(["--demo"] if with_demo else [])]
    if subprocess.call(prepare, cwd=services.PROJECT_DIR) != 0:
        say("The portal could not be prepared; see the message above.")
        return 1

    for caught in (signal.SIGINT, signal.SIGTERM):
        signal.signal(caught, stop)
    try:
        if wait_for_web(host, port, supervisor):
            say(f"\nViva Voce is ready: http://{host}:{port}   (logs in {logs}, Ctrl-C stops everything)")
            if with_demo:
                subprocess.call([sys.executable, "manage.py", "demo_accounts"], cwd=services.PROJECT_DIR)
        elif not supervisor.stopping:
            say(f"The web server did not answer; see {logs / 'web.log'}")
        supervisor.run()
    finally:
        say("\nStopping …")
        supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
