"""Chunked, seekable, key-committing encryption of one object. Pure: knows no database and no disk.

Format 1, big endian, after C2SP chunked-encryption and the STREAM construction (Hoang et al. 2015):

    format      1 byte    0x01
    salt       32 bytes   random, new for every object
    commitment 32 bytes   proves which key, salt and context made the object
    chunk 0…n             AES-256-GCM ciphertext of 65,536 plaintext bytes, 16-byte tag; the last may be less

    chunk key ‖ commitment = HKDF-SHA-512(key, salt, info = "vivavoce vault 1" ‖ encoded context)
    nonce of chunk i       = i (11 bytes) ‖ 0x01 when it is the last chunk, else 0x00

Every object has a chunk key of its own, so that counting nonces are safe. The context (voice, object,
purpose, version) is part of the key derivation: an object moved to another row, voice or purpose fails at
the commitment, before a byte is decrypted. The last-chunk flag makes truncation fail, the counter makes
reordering fail. AES-GCM alone does not commit to its key; the commitment does. Zero bytes of plaintext are
one empty last chunk.
"""

import hmac
import os
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FORMAT = b"\x01"
KEY_BYTES = 32
SALT_BYTES = 32
COMMITMENT_BYTES = 32
HEADER_BYTES = len(FORMAT) + SALT_BYTES + COMMITMENT_BYTES
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES


class CipherError(Exception):
    """The bytes are not what was sealed under this key and context. Says no more, on purpose."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an object is, bound into its encryption."""

    voice: str
    object: str
    purpose: str
    version: int = 1

    def encode(self) -> bytes:
        """Length-prefixed fields, so that no two contexts share an encoding."""
        fields = (self.voice, self.object, self.purpose, str(self.version))
        return b"".join(len(raw).to_bytes(2, "big") + raw for raw in (field.encode() for field in fields))


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, context: Context) -> bytes:
    """Encrypt a whole object under a 32-byte key."""
    salt = os.urandom(SALT_BYTES)
    chunk_cipher, commitment = _derive(key, salt, context)
    last = max(0, len(plaintext) - 1) // CHUNK_BYTES
    view = memoryview(plaintext)
    parts = [FORMAT, salt, commitment]
    for index in range(last + 1):
        chunk = view[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
        parts.append(chunk_cipher.encrypt(_nonce(index, is_last=index == last), chunk, None))
    return b"".join(parts)


def unseal(key: bytes, sealed: bytes, context: Context) -> bytes:
    """Decrypt a whole object. Raises CipherError."""
    if len(sealed) < HEADER_BYTES + TAG_BYTES:
        raise CipherError("shorter than an empty object")
    chunk_cipher = _open_header(key, sealed[:HEADER_BYTES], context)
    last = _last_chunk(len(sealed))
    view = memoryview(sealed)[HEADER_BYTES:]
    chunks = (view[at : at + SEALED_CHUNK_BYTES] for at in range(0, len(view), SEALED_CHUNK_BYTES))
    return b"".join(_decrypt(chunk_cipher, index, index == last, chunk) for index, chunk in enumerate(chunks))


def unseal_range(
    key: bytes, sealed: BinaryIO, sealed_bytes: int, context: Context, start: int, length: int
) -> bytes:
    """Decrypt plaintext bytes [start, start + length) by reading only the chunks that hold them.

    `sealed` is seekable and `sealed_bytes` long; a range past the end is cut short. Truncation shows only
    in the last chunk, so callers compare `plain_size` with the size they recorded.
    Raises CipherError.
    """
    if start < 0 or length < 0:
        raise ValueError(f"range must not be negative, got start={start} length={length}")
    size = plain_size(sealed_bytes)
    end = min(start + length, size)
    sealed.seek(0)
    chunk_cipher = _open_header(key, sealed.read(HEADER_BYTES), context)
    if start >= end:
        return b""
    first, final, last = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES, _last_chunk(sealed_bytes)
    sealed.seek(HEADER_BYTES + first * SEALED_CHUNK_BYTES)
    plain = b"".join(
        _decrypt(chunk_cipher, index, index == last, sealed.read(SEALED_CHUNK_BYTES))
        for index in range(first, final + 1)
    )
    return plain[start - first * CHUNK_BYTES : end - first * CHUNK_BYTES]


def plain_size(sealed_bytes: int) -> int:
    """Plaintext bytes in a sealed object of this length. Raises CipherError where none can have it."""
    body = sealed_bytes - HEADER_BYTES
    chunks = _last_chunk(sealed_bytes) + 1
    size = body - chunks * TAG_BYTES
    if size < 0:
        raise CipherError("no object has this length")
    return size


def _derive(key: bytes, salt: bytes, context: Context) -> tuple[AESGCM, bytes]:
    if len(key) != KEY_BYTES:
        raise ValueError(f"key must be {KEY_BYTES} bytes, got {len(key)}")
    derived = HKDF(
        algorithm=SHA512(),
        length=KEY_BYTES + COMMITMENT_BYTES,
        salt=salt,
        info=b"vivavoce vault 1" + context.encode(),
    ).derive(key)
    return AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]


def _open_header(key: bytes, header: bytes, context: Context) -> AESGCM:
    if len(header) < HEADER_BYTES or header[:1] != FORMAT:
        raise CipherError("not a vault object of a known format")
    salt, commitment = header[1 : 1 + SALT_BYTES], header[1 + SALT_BYTES :]
    chunk_cipher, expected = _derive(key, salt, context)
    if not hmac.compare_digest(commitment, expected):
        raise CipherError("sealed under another key or for another place")
    return chunk_cipher


def _last_chunk(sealed_bytes: int) -> int:
    return max(0, sealed_bytes - HEADER_BYTES - 1) // SEALED_CHUNK_BYTES


def _nonce(index: int, *, is_last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")


def _decrypt(cipher: AESGCM, index: int, is_last: bool, chunk: bytes | memoryview) -> bytes:
    try:
        return cipher.decrypt(_nonce(index, is_last=is_last), chunk, None)
    except (InvalidTag, ValueError) as error:
        raise CipherError(f"chunk {index} was changed, moved or cut") from error
