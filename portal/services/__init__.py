"""PostgreSQL and Redis for a machine that has neither.

A server named by ``DATABASE_URL`` or ``REDIS_URL`` is used as it is. Where a variable is unset, the
same server programs out of PyPI wheels are started inside the data folder, reachable over a socket
of that folder only, and the variable is set for this process and its children. They stop when the
last process that asked for them ends.
"""

from collections.abc import MutableMapping
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent


def data_dir(environ: MutableMapping[str, str]) -> Path:
    """The folder that holds everything this installation keeps: keys, vault, embedded servers."""
    return Path(environ.get("VIVAVOCE_DATA_DIR") or PROJECT_DIR / "data").resolve()


def provide(environ: MutableMapping[str, str]) -> None:
    """Start what no variable names, and name it in ``environ``. Safe to call again."""
    folder = data_dir(environ)
    if not environ.get("DATABASE_URL"):
        from portal.services import postgres

        environ["DATABASE_URL"] = postgres.start(folder / "postgres")
    if not environ.get("REDIS_URL"):
        from portal.services import redis

        environ["REDIS_URL"] = redis.start(folder / "redis")
