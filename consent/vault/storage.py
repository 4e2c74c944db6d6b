"""Where ciphertext lies: one file an object under settings.VAULT_DIR, spread over 256 folders."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from django.conf import settings


def name_for(object_id: object) -> str:
    text = str(object_id)
    return f"{text[:2]}/{text}.vault"


def put(name: str, data: bytes) -> None:
    """Write durably, whole or not at all; mode 0600."""
    path = _path(name)
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def open_object(name: str) -> BinaryIO:
    """Raises FileNotFoundError."""
    return _path(name).open("rb")


def size_of(name: str) -> int:
    """Raises FileNotFoundError."""
    return _path(name).stat().st_size


def remove(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        _path(name).unlink()


def _path(name: str) -> Path:
    return Path(settings.VAULT_DIR) / name
