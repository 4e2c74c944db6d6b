import base64
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sigstore._internal.rekor.checkpoint import SignedCheckpoint

from audit.errors import VerificationError
from audit.merkle.note import CheckpointText, VerifierKey, open_note, sign_note

# The example of the C2SP signed-note specification and of Go's package note.
PUBLISHED_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    f"— PeterNeumann {PUBLISHED_SIGNATURE}\n"
)
ROOT = bytes(range(32))


@dataclass
class Signer:
    name: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self.key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


SIGNER = Signer("example.org/log")
CHECKPOINT = CheckpointText("example.org/log", 42, ROOT)
NOTE = sign_note(str(CHECKPOINT), SIGNER)


def test_published_note_opens_with_the_published_key() -> None:
    text = open_note(PUBLISHED_NOTE, VerifierKey.parse(PUBLISHED_VKEY))
    assert text.startswith("If you think")
    assert text.endswith("is.\n")


def test_verifier_key_survives_printing() -> None:
    assert str(VerifierKey.parse(PUBLISHED_VKEY)) == PUBLISHED_VKEY
    assert VerifierKey.parse(f"{SIGNER.verifier}\n") == SIGNER.verifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a+b",
        PUBLISHED_VKEY.replace("c74f20a3", "c74f20a4"),
        PUBLISHED_VKEY.replace("PeterNeumann", "Peter"),
        PUBLISHED_VKEY[:-4],
        PUBLISHED_VKEY.replace("+AR", "+AB"),
        f"+{PUBLISHED_VKEY.partition('+')[2]}",
        "name+00000000+not base64",
    ],
)
def test_other_text_is_no_verifier_key(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        VerifierKey.parse(text)
    assert caught.value.code == "note.vkey_invalid"


def test_checkpoint_survives_signing() -> None:
    assert CheckpointText.parse(open_note(NOTE, SIGNER.verifier)) == CHECKPOINT


def test_independent_parser_reads_the_checkpoint() -> None:
    parsed = SignedCheckpoint.from_text(NOTE)
    assert (parsed.checkpoint.origin, parsed.checkpoint.log_size) == ("example.org/log", 42)
    assert parsed.checkpoint.log_hash == ROOT.hex()
    (signature,) = parsed.signed_note.signatures
    SIGNER.key.public_key().verify(base64.b64decode(signature.signature), parsed.signed_note.note.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n42\n",
        "origin\n042\n" + base64.b64encode(ROOT).decode() + "\n",
        "origin\n-1\n" + base64.b64encode(ROOT).decode() + "\n",
        "origin\n42\n" + base64.b64encode(ROOT[:31]).decode() + "\n",
        "origin\n42\nno base64\n",
        "\n42\n" + base64.b64encode(ROOT).decode() + "\n",
        str(CHECKPOINT) + "extension\n",
        str(CHECKPOINT)[:-1],
    ],
)
def test_other_text_is_no_checkpoint(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        CheckpointText.parse(text)
    assert caught.value.code == "note.checkpoint_invalid"


def test_note_by_another_key_of_the_same_name_is_refused() -> None:
    with pytest.raises(VerificationError) as caught:
        open_note(NOTE, Signer("example.org/log").verifier)
    assert caught.value.code == "note.signature_missing"


def test_note_needs_every_trusted_signature() -> None:
    witness = Signer("witness.example")
    with pytest.raises(VerificationError) as caught:
        open_note(NOTE, SIGNER.verifier, witness.verifier)
    assert caught.value.code == "note.signature_missing"
    both = sign_note(str(CHECKPOINT), SIGNER, witness)
    assert open_note(both, SIGNER.verifier, witness.verifier) == open_note(both, witness.verifier)


def test_opening_without_a_key_is_a_mistake() -> None:
    with pytest.raises(RuntimeError):
        open_note(NOTE)


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
def test_note_with_one_bit_flipped_is_refused(position: int, bit: int) -> None:
    changed = bytearray(NOTE.encode())
    changed[position] ^= 1 << bit
    with pytest.raises((VerificationError, UnicodeDecodeError)):
        open_note(changed.decode(), SIGNER.verifier)


@pytest.mark.parametrize("note", ["", "text\n", "text\n\n", "text\n\nno signature\n", NOTE[:-1], NOTE + "x"])
def test_other_text_is_no_note(note: str) -> None:
    with pytest.raises(VerificationError) as caught:
        open_note(note, SIGNER.verifier)
    assert caught.value.code == "note.malformed"


@pytest.mark.parametrize("text", ["no newline", "tab\there\n"])
def test_text_that_no_note_may_hold_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match="newline"):
        sign_note(text, SIGNER)


@pytest.mark.parametrize("name", ["", "two words", "a+b"])
def test_key_name_that_no_note_may_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        VerifierKey(name, bytes(32))
