"""The vault's cipher: a fixed vector, every size around a chunk's edge, and every way of tampering."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.vault.cipher import (
    CHUNK_BYTES,
    HEADER_BYTES,
    SEALED_CHUNK_BYTES,
    CipherError,
    Context,
    new_key,
    plain_size,
    seal,
    unseal,
    unseal_range,
)

KEY = bytes(range(32))
CONTEXT = Context(voice="voice", object="object", purpose="recording")
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 17]


def plaintext(size: int) -> bytes:
    return hashlib.shake_256(b"plain").digest(size)


def test_fixed_vector_stays_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The format must not drift: what is stored today is opened by every later version."""
    monkeypatch.setattr("os.urandom", lambda size: bytes(size))
    sealed = seal(KEY, b"viva voce", CONTEXT)
    assert sealed.hex() == (
        "010000000000000000000000000000000000000000000000000000000000000000cb1385f40c5a714444f5fe3b1117fa"
        "3a7a6fae43f90f32affe6a627646454e7427038a56a04f48571eca1890e9c3fe8cb34ada96f26c347418"
    )
    assert unseal(KEY, sealed, CONTEXT) == b"viva voce"


@pytest.mark.parametrize("size", SIZES)
def test_round_trip_and_size(size: int) -> None:
    sealed = seal(KEY, plaintext(size), CONTEXT)
    assert unseal(KEY, sealed, CONTEXT) == plaintext(size)
    assert plain_size(len(sealed)) == size


def test_two_seals_of_the_same_bytes_differ() -> None:
    assert seal(KEY, b"same", CONTEXT) != seal(KEY, b"same", CONTEXT)


@given(start=st.integers(0, 4 * CHUNK_BYTES), length=st.integers(0, 2 * CHUNK_BYTES))
def test_any_range_equals_the_slice(start: int, length: int) -> None:
    data = plaintext(3 * CHUNK_BYTES + 17)
    found = unseal_range(KEY, io.BytesIO(SEALED), len(SEALED), CONTEXT, start, length)
    assert found == data[start : start + length]


SEALED = seal(KEY, plaintext(3 * CHUNK_BYTES + 17), CONTEXT)


@pytest.mark.parametrize(("start", "length"), [(-1, 5), (0, -1)])
def test_negative_range_is_misuse(start: int, length: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        unseal_range(KEY, io.BytesIO(SEALED), len(SEALED), CONTEXT, start, length)


@pytest.mark.parametrize(
    "context",
    [
        Context("other", "object", "recording"),
        Context("voice", "other", "recording"),
        Context("voice", "object", "render"),
        Context("voice", "object", "recording", version=2),
        Context("voiceobject", "", "recording"),
    ],
)
def test_another_place_is_refused(context: Context) -> None:
    with pytest.raises(CipherError):
        unseal(KEY, SEALED, context)


def test_another_key_is_refused() -> None:
    with pytest.raises(CipherError, match="another key"):
        unseal(new_key(), SEALED, CONTEXT)


@pytest.mark.parametrize(
    "position",
    [0, 1, 33, HEADER_BYTES, HEADER_BYTES + CHUNK_BYTES, HEADER_BYTES + SEALED_CHUNK_BYTES, -1],
    ids=["format", "salt", "commitment", "first chunk", "first tag", "second chunk", "last tag"],
)
def test_flipped_bit_is_refused(position: int) -> None:
    sealed = bytearray(SEALED)
    sealed[position] ^= 1
    with pytest.raises(CipherError):
        unseal(KEY, bytes(sealed), CONTEXT)


@pytest.mark.parametrize(
    "length",
    [0, 1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 8, HEADER_BYTES + SEALED_CHUNK_BYTES,
     HEADER_BYTES + 3 * SEALED_CHUNK_BYTES, len(SEALED) - 1],
)  # fmt: skip
def test_truncation_is_refused(length: int) -> None:
    with pytest.raises(CipherError):
        unseal(KEY, SEALED[:length], CONTEXT)


def test_appended_bytes_are_refused() -> None:
    with pytest.raises(CipherError):
        unseal(KEY, SEALED + b"\0", CONTEXT)


def test_reordered_chunks_are_refused() -> None:
    head, body = SEALED[:HEADER_BYTES], SEALED[HEADER_BYTES:]
    first, second = body[:SEALED_CHUNK_BYTES], body[SEALED_CHUNK_BYTES : 2 * SEALED_CHUNK_BYTES]
    with pytest.raises(CipherError, match="chunk 0"):
        unseal(KEY, head + second + first + body[2 * SEALED_CHUNK_BYTES :], CONTEXT)


def test_chunk_of_another_object_is_refused() -> None:
    other = seal(KEY, plaintext(3 * CHUNK_BYTES + 17), CONTEXT)
    spliced = SEALED[: HEADER_BYTES + SEALED_CHUNK_BYTES] + other[HEADER_BYTES + SEALED_CHUNK_BYTES :]
    with pytest.raises(CipherError, match="chunk 1"):
        unseal(KEY, spliced, CONTEXT)


def test_key_of_wrong_length_is_misuse() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal(b"short", b"", CONTEXT)
