"""Engines whose weights the operator supplies, in a folder registered by the digests of its files.

``ENGINE_DIR/<name>.json`` holds one registration:

    {"engine": "xtts", "directory": "/srv/weights/xtts", "sha256": {"model.pth": hex, …}}

A worker offers what is registered when it starts, and reads no file whose digest is another.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings

from synthesis.engines.base import Engine, EngineError
from synthesis.engines.registry import register_engine
from synthesis.engines.xtts.facts import FACTS as XTTS
from synthesis.engines.xtts.weights import check_weights, digest_weights

SUPPORTED = {XTTS.name: XTTS}


def add_engine(name: str, directory: Path) -> dict[str, Any]:
    """Register the weights in ``directory`` as they are now.

    Raises EngineError ``engine.unknown``, ``engine.weights_missing``.
    """
    if name not in SUPPORTED:
        raise EngineError(
            "engine.unknown",
            f"There is no engine {name!r} that takes weights of one's own.",
            f"Use one of {', '.join(SUPPORTED)}.",
        )
    directory = directory.resolve()
    registration = {"engine": name, "directory": str(directory), "sha256": digest_weights(directory)}
    folder = Path(settings.ENGINE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(registration, indent=2) + "\n")
    return registration


def registrations() -> Iterator[dict[str, Any]]:
    for path in sorted(Path(settings.ENGINE_DIR).glob("*.json")):
        yield json.loads(path.read_text())


def check_engine(registration: dict[str, Any]) -> str:
    """One digest for the whole set. Raises EngineError ``engine.weights_missing`` or ``_changed``."""
    return check_weights(Path(registration["directory"]), registration["sha256"])


def offer_local_engines() -> None:
    """Make every registered engine available in this process; weights are loaded when first needed."""
    for registration in registrations():
        register_engine(registration["engine"], partial(_make_xtts, registration))


def _make_xtts(registration: dict[str, Any]) -> Engine:
    # coqui-tts and torch, which only a worker that speaks with XTTS should have to load.
    from synthesis.engines.xtts.engine import XttsEngine

    return XttsEngine(Path(registration["directory"]), registration["sha256"])
