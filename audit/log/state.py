"""What this log's key has signed last, kept in a file outside the database.

Whoever rolls the database back, or rewrites its past, cannot roll this file back with it. The signer
reads it before it adds a leaf and writes it before a signature leaves, so that no checkpoint was ever
published that this file does not know of.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.utils.text import slugify


@dataclass(frozen=True, slots=True)
class SignedState:
    """The last signed checkpoint: the log's name, its size in leaves, its root in hex."""

    origin: str
    size: int
    root: str


def state_path() -> Path:
    return Path(settings.KEYS_DIR) / "log-state.json"


def read_state() -> SignedState | None:
    try:
        return SignedState(**json.loads(state_path().read_bytes()))
    except FileNotFoundError:
        return None


def write_state(state: SignedState) -> None:
    """Replace the file and have it on disk on return. The caller holds the sequencer's lock."""
    path = state_path()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def log_origin() -> str:
    """The log's name in checkpoints: fixed by its first signature, whatever the settings say later."""
    state = read_state()
    return state.origin if state else f"{slugify(settings.ORGANISATION_NAME) or 'log'}/viva-voce"
