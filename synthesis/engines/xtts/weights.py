"""Weights are only those that the operator registered: every file's SHA-256 is known before it is read."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from synthesis.engines.base import EngineError

FILES = ("config.json", "model.pth", "vocab.json")


def digest_weights(directory: Path) -> dict[str, str]:
    """SHA-256 (hex) of each file the engine reads, for the operator to register.

    Raises EngineError ``engine.weights_missing``.
    """
    digests = {}
    for name in FILES:
        path = directory / name
        if not path.is_file():
            raise EngineError(
                "engine.weights_missing",
                f"{name} is not in {directory}.",
                "Put the XTTS v2 files config.json, model.pth and vocab.json there.",
            )
        with path.open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def check_weights(directory: Path, registered: Mapping[str, str]) -> str:
    """One digest for the whole set, after every file was found to be the registered one.

    Raises EngineError ``engine.weights_missing`` or ``engine.weights_changed``.
    """
    found = digest_weights(directory)
    for name, digest in found.items():
        if registered.get(name) != digest:
            raise EngineError(
                "engine.weights_changed",
                f"{name} in {directory} is not the registered file.",
                "Restore the registered files, or register the new ones with their licence.",
            )
    return hashlib.sha256("".join(f"{name} {found[name]}\n" for name in FILES).encode()).hexdigest()
