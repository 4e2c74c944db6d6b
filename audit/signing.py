"""Signing keys and signed records.

A record is a JSON object with a ``type`` and a ``version``. Its payload is the record's canonical
JSON (RFC 8785), its digest the SHA-256 of the payload, its signature Ed25519 (RFC 8032) over the payload.
Payloads are kept as signed and never serialised again before a check.

On disk, for each purpose (``consent``, ``grant``, …):

    <purpose>.pem              the current private key (PKCS #8 PEM, mode 0600)
    <purpose>-<16 hex>.pub     every public key there ever was (PEM); the name is the key's id,
                               the hex digits begin the SHA-256 of its 32 raw bytes
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from audit.errors import VerificationError
from audit.merkle.canonical import canonical_bytes

KEY_ID = re.compile(r"([a-z]+)-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """``payload`` as signed, the hex ``digest`` of it, and the 64 bytes of ``signature``."""

    payload: bytes
    digest: str
    signature: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of the ring; ``raw`` is its 32 bytes."""

    key_id: str
    raw: bytes

    @classmethod
    def of(cls, purpose: str, key: Ed25519PublicKey) -> PublicKey:
        raw = key.public_bytes_raw()
        return cls(f"{purpose}-{hashlib.sha256(raw).hexdigest()[:16]}", raw)

    @property
    def purpose(self) -> str:
        return self.key_id.partition("-")[0]

    @property
    def digest(self) -> str:
        """SHA-256 of the raw bytes, hex: what the event log announces."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def pem(self) -> bytes:
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises VerificationError ``record.signature_invalid``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except InvalidSignature:
            raise VerificationError(
                "record.signature_invalid",
                f"The signature was not made by key {self.key_id} over these bytes.",
                "Treat the record as altered and tell an auditor.",
            ) from None


class KeyRing:
    """The Ed25519 keys in ``directory``, one current key a purpose, made on first use.

    ``announce`` is called with the public key before each use of its private key, so that no signature
    leaves by a key that nobody was told of. Private keys are read anew for every signature: a key that
    another process rotated is out of use at once.
    """

    def __init__(self, directory: Path, announce: Callable[[PublicKey], None] = lambda key: None) -> None:
        self.directory = directory
        self.announce = announce

    def current(self, purpose: str) -> PublicKey:
        """The announced public key that signs for ``purpose`` now."""
        return self._use(purpose)[1]

    def public_key(self, key_id: str) -> PublicKey:
        """Raises VerificationError ``record.key_unknown``."""
        match = KEY_ID.fullmatch(key_id)
        path = self.directory / f"{key_id}.pub"
        if match and path.is_file():
            key = load_pem_public_key(path.read_bytes())
            if isinstance(key, Ed25519PublicKey) and (found := PublicKey.of(match[1], key)).key_id == key_id:
                return found
        raise VerificationError(
            "record.key_unknown",
            f"No public key with the id {key_id!r} is known here.",
            "Check that the key folder is complete; public keys are never deleted.",
        )

    def public_keys(self) -> list[PublicKey]:
        """Every public key there ever was, by id."""
        return [
            self.public_key(path.stem)
            for path in sorted(self.directory.glob("*.pub"))
            if KEY_ID.fullmatch(path.stem)
        ]

    def rotate(self, purpose: str) -> PublicKey:
        """Put a new key in the current one's place. The old private key is gone; its public key stays."""
        private = Ed25519PrivateKey.generate()
        self._write_public(PublicKey.of(purpose, private.public_key()))
        os.replace(self._write_private(private), self._private_path(purpose))
        return self.current(purpose)

    def sign(self, purpose: str, data: bytes) -> tuple[str, bytes]:
        """The id of the key and its signature over ``data``."""
        private, public = self._use(purpose)
        return public.key_id, private.sign(data)

    def sign_record(self, purpose: str, record: dict[str, Any]) -> SignedRecord:
        if not {"type", "version"} <= record.keys():
            raise RuntimeError(f"A record has a type and a version; this one has {sorted(record)}.")
        payload = canonical_bytes(record)
        key_id, signature = self.sign(purpose, payload)
        return SignedRecord(payload, hashlib.sha256(payload).hexdigest(), signature, key_id)

    def open_record(
        self, *, purpose: str, type: str, payload: bytes, signature: bytes, key_id: str
    ) -> dict[str, Any]:
        """The record in ``payload``, once its signature holds and it is what the caller expects.

        Raises:
            VerificationError: ``record.key_unknown``, ``record.key_wrong`` (a key for something else),
                ``record.signature_invalid``, ``record.type_wrong``.
        """
        key = self.public_key(key_id)
        if key.purpose != purpose:
            raise VerificationError(
                "record.key_wrong", f"Key {key_id} signs {key.purpose} records, not {purpose} records."
            )
        key.verify(signature, payload)
        record = json.loads(payload)
        if not isinstance(record, dict) or record.get("type") != type:
            raise VerificationError("record.type_wrong", f"This is signed, but not as {type!r}.")
        return record

    def _use(self, purpose: str) -> tuple[Ed25519PrivateKey, PublicKey]:
        while (private := self._read_private(purpose)) is None:
            self._create(purpose)
        public = PublicKey.of(purpose, private.public_key())
        self._write_public(public)
        self.announce(public)
        return private, public

    def _read_private(self, purpose: str) -> Ed25519PrivateKey | None:
        try:
            pem = self._private_path(purpose).read_bytes()
        except FileNotFoundError:
            return None
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise RuntimeError(f"{self._private_path(purpose)} does not hold an Ed25519 key.")
        return key

    def _create(self, purpose: str) -> None:
        """Of processes that race to make the first key, one wins and all use its key."""
        written = self._write_private(Ed25519PrivateKey.generate())
        with contextlib.suppress(FileExistsError):
            os.link(written, self._private_path(purpose))
        written.unlink()

    def _private_path(self, purpose: str) -> Path:
        return self.directory / f"{purpose}.pem"

    def _write_private(self, key: Ed25519PrivateKey) -> Path:
        return self._write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def _write_public(self, key: PublicKey) -> None:
        path = self.directory / f"{key.key_id}.pub"
        if not path.exists():
            os.replace(self._write(key.pem), path)

    def _write(self, data: bytes) -> Path:
        """A complete, durable new file (mkstemp makes it mode 0600) that only its name keeps from use."""
        self.directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.directory, prefix=".new-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return Path(name)
