import json
import stat
import threading
from pathlib import Path

import pytest

from audit.errors import VerificationError
from audit.signing import KeyRing, PublicKey

RECORD = {"type": "consent", "version": 1, "voice": "Zoë", "seconds": 12.5}


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


def test_signed_record_opens_to_what_was_signed(ring: KeyRing) -> None:
    signed = ring.sign_record("consent", RECORD)
    opened = ring.open_record(
        purpose="consent",
        type="consent",
        payload=signed.payload,
        signature=signed.signature,
        key_id=signed.key_id,
    )
    assert opened == RECORD
    assert signed.payload == '{"seconds":12.5,"type":"consent","version":1,"voice":"Zoë"}'.encode()


@pytest.mark.parametrize("missing", ["type", "version"])
def test_record_without_type_or_version_is_a_mistake(ring: KeyRing, missing: str) -> None:
    with pytest.raises(RuntimeError):
        ring.sign_record("consent", {key: value for key, value in RECORD.items() if key != missing})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payload": b'{"type":"consent","version":1}'}, "record.signature_invalid"),
        ({"signature": bytes(64)}, "record.signature_invalid"),
        ({"signature": b"short"}, "record.signature_invalid"),
        ({"key_id": "consent-0123456789abcdef"}, "record.key_unknown"),
        ({"key_id": "../consent"}, "record.key_unknown"),
        ({"purpose": "grant"}, "record.key_wrong"),
        ({"type": "grant"}, "record.type_wrong"),
    ],
)
def test_record_that_is_not_as_signed_is_refused(ring: KeyRing, change: dict, code: str) -> None:
    signed = ring.sign_record("consent", RECORD)
    good = {
        "purpose": "consent",
        "type": "consent",
        "payload": signed.payload,
        "signature": signed.signature,
        "key_id": signed.key_id,
    }
    with pytest.raises(VerificationError) as caught:
        ring.open_record(**(good | change))
    assert caught.value.code == code


def test_signed_list_is_refused_as_record(ring: KeyRing) -> None:
    key_id, signature = ring.sign("consent", b"[]")
    with pytest.raises(VerificationError) as caught:
        ring.open_record(purpose="consent", type="consent", payload=b"[]", signature=signature, key_id=key_id)
    assert caught.value.code == "record.type_wrong"


def test_key_file_swapped_under_an_id_is_refused(ring: KeyRing) -> None:
    honest, other = ring.current("consent"), ring.current("grant")
    (ring.directory / f"{honest.key_id}.pub").write_bytes(other.pem)
    with pytest.raises(VerificationError) as caught:
        ring.public_key(honest.key_id)
    assert caught.value.code == "record.key_unknown"


def test_private_keys_are_for_their_owner_only(ring: KeyRing) -> None:
    ring.sign("grant", b"data")
    assert stat.S_IMODE((ring.directory / "grant.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(ring.directory.stat().st_mode) == 0o700
    assert sorted(path.suffix for path in ring.directory.iterdir()) == [".pem", ".pub"]


def test_each_purpose_has_a_key_of_its_own(ring: KeyRing) -> None:
    assert ring.current("grant") == ring.current("grant")
    assert ring.current("grant").raw != ring.current("consent").raw


def test_rotated_key_signs_and_the_old_one_still_verifies(ring: KeyRing) -> None:
    old = ring.sign_record("consent", RECORD)
    new_key = ring.rotate("consent")
    new = ring.sign_record("consent", RECORD)
    assert new.key_id == new_key.key_id != old.key_id
    for signed in (old, new):
        ring.public_key(signed.key_id).verify(signed.signature, signed.payload)
    assert {key.key_id for key in ring.public_keys()} == {old.key_id, new.key_id}


def test_rotation_holds_in_every_process(ring: KeyRing) -> None:
    other_process = KeyRing(ring.directory)
    other_process.current("consent")
    rotated = ring.rotate("consent")
    assert other_process.current("consent") == rotated


def test_keys_are_announced_before_they_sign(tmp_path: Path) -> None:
    announced: list[PublicKey] = []
    ring = KeyRing(tmp_path, announce=announced.append)
    key_id, _ = ring.sign("grant", b"data")
    rotated = ring.rotate("grant")
    assert [key.key_id for key in announced] == [key_id, rotated.key_id]


def test_racing_processes_end_with_one_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    keys: list[PublicKey] = []

    def use() -> None:
        ring = KeyRing(tmp_path)
        start.wait()
        keys.append(ring.current("grant"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(KeyRing(tmp_path).public_keys()) == 1


def test_payload_is_json_that_anybody_can_read(ring: KeyRing) -> None:
    assert json.loads(ring.sign_record("consent", RECORD).payload) == RECORD
