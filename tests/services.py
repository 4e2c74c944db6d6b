"""Pytest plugin: a throwaway PostgreSQL, Redis and data folder for this run.

Loaded with ``-p`` before Django reads its settings. Worker processes that a test starts inherit the
same environment, so that they talk to the same database, broker, keys and vault.
"""

import atexit
import os
import shutil
import tempfile

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    folder = tempfile.mkdtemp(prefix="vivavoce-tests-")
    # Exit handlers run last in, first out: the folder goes after the servers in it have stopped.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["VIVAVOCE_DATA_DIR"] = folder
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    from portal import services

    services.provide(os.environ)
