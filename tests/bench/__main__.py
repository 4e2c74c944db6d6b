"""Measure, print a table, write ``bench.json``: ``make bench`` or ``make bench ONLY=journey,web``.

Everything runs on servers and a data folder of its own. A missed goal is printed, never an error.
"""

import argparse
import atexit
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path


def groups() -> dict[str, Callable[[], Iterable[object]]]:
    """Benchmark groups by name, in the order in which they run."""
    from tests.bench import journey, web

    return {"web": web.measure, "journey": journey.measure}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default="", help="comma-separated groups; all by default")
    parser.add_argument("--out", default="bench.json", type=Path)
    arguments = parser.parse_args()

    folder = tempfile.mkdtemp(prefix="vivavoce-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["VIVAVOCE_DATA_DIR"] = folder
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    from portal import services

    services.provide(os.environ)
    import django

    django.setup()
    from tests.bench.figures import Figure, table, write

    known = groups()
    chosen = [name.strip() for name in arguments.only.split(",") if name.strip()] or list(known)
    if unknown := set(chosen) - set(known):
        parser.error(f"unknown group {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    figures: list[Figure] = []
    for name in chosen:
        sys.stderr.write(f"measuring {name} …\n")
        try:
            figures.extend(known[name]())
        except Exception:
            traceback.print_exc()
            figures.append(Figure(f"{name}.failed", None, "", note="see the traceback above"))
    write(figures, arguments.out)
    sys.stdout.write(table(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
