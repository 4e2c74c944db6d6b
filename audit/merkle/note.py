"""Signed notes, verifier keys and checkpoints as C2SP specifies them.

A signed note (c2sp.org/signed-note) is a text that ends in a newline, a blank line, and signatures:

    — <key name> base64(key hash ‖ signature)

with key hash = the first 4 bytes of SHA-256(name ‖ "\\n" ‖ 0x01 ‖ public key) for Ed25519. A verifier
key (vkey) is one line: ``<name>+<key hash in hex>+base64(0x01 ‖ public key)``. A checkpoint
(c2sp.org/tlog-checkpoint) is a note whose text is origin, size and base64 root, a line each.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.errors import VerificationError

ED25519 = b"\x01"
SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)\n")
SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Signer(Protocol):
    """Whatever holds a log's private key: a file, a hardware module, a service."""

    @property
    def verifier(self) -> "VerifierKey": ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key (32 raw bytes) under the name it signs notes with."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not self.name or re.search(r"[\s+]", self.name):
            raise ValueError(f"A key name has no spaces and no plus signs: {self.name!r}.")

    @property
    def key_hash(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(ED25519 + self.public_key).decode()}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Raises VerificationError ``note.vkey_invalid``."""
        try:
            name, key_hash, encoded = text.strip().split("+", 2)
            decoded = base64.b64decode(encoded, validate=True)
            key = cls(name, decoded[1:])
            if decoded[:1] == ED25519 and len(decoded) == 33 and key.key_hash.hex() == key_hash:
                return key
        except (ValueError, binascii.Error):
            pass
        raise VerificationError(
            "note.vkey_invalid", "This is not an Ed25519 verifier key.", "Pass the line of log.vkey as it is."
        )


@dataclass(frozen=True, slots=True)
class CheckpointText:
    """What a log states: the ``root`` (32 bytes) of its first ``size`` leaves."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "CheckpointText":
        """Raises VerificationError ``note.checkpoint_invalid``. Extension lines are not accepted."""
        try:
            origin, size, encoded, rest = text.split("\n")
            root = base64.b64decode(encoded, validate=True)
            if origin and SIZE.fullmatch(size) and len(root) == 32 and not rest:
                return cls(origin, int(size), root)
        except (ValueError, binascii.Error):
            pass
        raise VerificationError(
            "note.checkpoint_invalid", "This is not a checkpoint of origin, size and root."
        )


def sign_note(text: str, *signers: Signer) -> str:
    if not text.endswith("\n") or any(ord(character) < 0x20 and character != "\n" for character in text):
        raise ValueError("A note's text ends in a newline and has no other control characters.")
    lines = []
    for signer in signers:
        key = signer.verifier
        signature = base64.b64encode(key.key_hash + signer.sign(text.encode())).decode()
        lines.append(f"— {key.name} {signature}\n")
    return text + "\n" + "".join(lines)


def open_note(note: str, *trusted: VerifierKey) -> str:
    """The text of ``note``, once every trusted key has signed it. Signatures by others are ignored.

    Raises:
        VerificationError: ``note.malformed``, ``note.signature_missing``, ``note.signature_invalid``.
    """
    text, separator, block = note.rpartition("\n\n")
    lines = SIGNATURE_LINE.findall(block)
    if not separator or not lines or "".join(f"— {name} {encoded}\n" for name, encoded in lines) != block:
        raise VerificationError("note.malformed", "This is not a signed note.")
    text += "\n"
    signatures = {(name, decoded[:4]): decoded[4:] for name, decoded in map(_decode_signature, lines)}
    if not trusted:
        raise RuntimeError("A note is opened with the keys it must be signed by.")
    for key in trusted:
        signature = signatures.get((key.name, key.key_hash))
        if signature is None:
            raise VerificationError(
                "note.signature_missing", f"The note is not signed by {key.name}, key {key.key_hash.hex()}."
            )
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, text.encode())
        except InvalidSignature:
            raise VerificationError(
                "note.signature_invalid",
                f"The signature by {key.name}, key {key.key_hash.hex()}, does not hold.",
            ) from None
    return text


def _decode_signature(line: tuple[str, str]) -> tuple[str, bytes]:
    name, encoded = line
    try:
        return name, base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise VerificationError("note.malformed", "A signature of the note is not base64.") from None
