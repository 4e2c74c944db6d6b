"""Verification alone: no database, a public key, and everything that can be wrong with a grant."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.merkle.canonical import canonical_bytes
from audit.signing import KeyRing, PublicKey, SignedRecord
from synthesis.errors import GrantError
from synthesis.grants import GrantedLine, GrantKind, GrantTerms, Intent, verify_grant
from synthesis.grants.verification import line_digest

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
TEXT = "The northern line is closed."
OTHER = "Send us your password."

TERMS = GrantTerms(
    id="grant-1",
    kind=GrantKind.RENDER,
    voice_id="voice-1",
    consent_id="consent-1",
    consent_digest="c" * 64,
    request_id="request-1",
    request_digest="r" * 64,
    decisions=("d" * 64, "e" * 64),
    engine="tone",
    language="en",
    lines=(GrantedLine(1, line_digest(TEXT)), GrantedLine(2, line_digest("Thank you."))),
    recordings=(),
    formats=("audio/flac",),
    watermark=True,
    disclosure="none",
    max_seconds=60,
    not_before=NOW,
    expires_at=NOW + timedelta(hours=1),
)
ENROL = dataclasses.replace(
    TERMS,
    kind=GrantKind.ENROL,
    request_id=None,
    request_digest=None,
    decisions=(),
    lines=(),
    recordings=("a" * 64, "b" * 64),
    formats=(),
)
INTENT = Intent(
    grant_id="grant-1",
    kind=GrantKind.RENDER,
    voice_id="voice-1",
    consent_id="consent-1",
    consent_digest="c" * 64,
    engine="tone",
    request_id="request-1",
    position=1,
    text=TEXT,
    media="audio/flac",
)
ENROL_INTENT = dataclasses.replace(
    INTENT, kind=GrantKind.ENROL, request_id=None, position=0, text="", media="", recordings=("a" * 64,)
)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path)


def sign(ring: KeyRing, terms: GrantTerms) -> SignedRecord:
    return ring.sign_record("grant", terms.to_record())


def verify(
    ring: KeyRing, signed: SignedRecord, intent: Intent = INTENT, *, now: datetime = NOW
) -> GrantTerms:
    return verify_grant(
        payload=signed.payload,
        signature=signed.signature,
        public_key=ring.public_key(signed.key_id),
        intent=intent,
        now=now,
    )


def refusal(ring: KeyRing, signed: SignedRecord, intent: Intent = INTENT, *, now: datetime = NOW) -> str:
    with pytest.raises(GrantError) as refused:
        verify(ring, signed, intent, now=now)
    assert refused.value.message
    assert refused.value.remedy
    return refused.value.code


def test_grant_for_exactly_this_work_gives_its_terms(ring: KeyRing) -> None:
    assert verify(ring, sign(ring, TERMS)) == TERMS


def test_grant_to_enrol_permits_a_part_of_its_recordings(ring: KeyRing) -> None:
    assert verify(ring, sign(ring, ENROL), ENROL_INTENT) == ENROL


def test_terms_survive_a_round_trip_through_canonical_json() -> None:
    record = json.loads(canonical_bytes(TERMS.to_record()))
    assert GrantTerms.from_record(record) == TERMS


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grant_id": "grant-2"}, "grant.other_grant"),
        ({"kind": GrantKind.ENROL}, "grant.other_kind"),
        ({"voice_id": "voice-2"}, "grant.other_voice"),
        ({"consent_id": "consent-2"}, "grant.other_consent"),
        ({"consent_digest": "0" * 64}, "grant.other_consent"),
        ({"engine": "xtts"}, "grant.other_engine"),
        ({"request_id": "request-2"}, "grant.other_request"),
        ({"request_id": None}, "grant.other_request"),
        ({"text": OTHER}, "grant.other_line"),
        ({"text": TEXT + " "}, "grant.other_line"),
        ({"text": ""}, "grant.other_line"),
        ({"position": 2}, "grant.other_line"),
        ({"position": 3, "text": "Thank you."}, "grant.other_line"),
        ({"media": "audio/wav"}, "grant.other_format"),
        ({"media": ""}, "grant.other_format"),
    ],
)
def test_other_work_than_granted_is_refused(ring: KeyRing, change: dict[str, Any], code: str) -> None:
    assert refusal(ring, sign(ring, TERMS), dataclasses.replace(INTENT, **change)) == code


@pytest.mark.parametrize("recordings", [(), ("f" * 64,), ("a" * 64, "f" * 64)])
def test_recordings_that_were_not_granted_are_refused(ring: KeyRing, recordings: tuple[str, ...]) -> None:
    intent = dataclasses.replace(ENROL_INTENT, recordings=recordings)
    assert refusal(ring, sign(ring, ENROL), intent) == "grant.other_recording"


def test_grant_to_speak_does_not_permit_to_enrol_nor_the_other_way_round(ring: KeyRing) -> None:
    assert refusal(ring, sign(ring, TERMS), ENROL_INTENT) == "grant.other_kind"
    assert refusal(ring, sign(ring, ENROL), INTENT) == "grant.other_kind"


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (NOW - timedelta(microseconds=1), "grant.not_yet_valid"),
        (NOW + timedelta(hours=1), "grant.expired"),
        (NOW + timedelta(days=365), "grant.expired"),
    ],
)
def test_grant_outside_its_time_is_refused(ring: KeyRing, moment: datetime, code: str) -> None:
    assert refusal(ring, sign(ring, TERMS), now=moment) == code


def test_grant_holds_until_the_last_moment_before_expiry(ring: KeyRing) -> None:
    verify(ring, sign(ring, TERMS), now=NOW + timedelta(hours=1, microseconds=-1))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"watermark": False}, "grant.unmarked"),
        ({"disclosure": "whispered"}, "grant.disclosure_unknown"),
    ],
)
def test_grant_that_asks_for_weaker_marks_is_refused(
    ring: KeyRing, change: dict[str, Any], code: str
) -> None:
    assert refusal(ring, sign(ring, dataclasses.replace(TERMS, **change))) == code


def test_grant_signed_by_somebody_else_is_refused(ring: KeyRing, tmp_path: Path) -> None:
    forger = KeyRing(tmp_path / "forger")
    forged = sign(forger, TERMS)
    signed = dataclasses.replace(forged, key_id=sign(ring, TERMS).key_id)
    assert refusal(ring, signed) == "grant.signature_invalid"


def test_grant_signed_by_another_of_our_keys_is_refused(ring: KeyRing) -> None:
    assert refusal(ring, ring.sign_record("decision", TERMS.to_record())) == "grant.signature_invalid"


def test_every_flipped_byte_of_a_grant_is_refused(ring: KeyRing) -> None:
    signed = sign(ring, TERMS)
    for place in range(0, len(signed.payload), 7):
        payload = bytearray(signed.payload)
        payload[place] ^= 1
        edited = dataclasses.replace(signed, payload=bytes(payload))
        assert refusal(ring, edited) == "grant.signature_invalid"


def test_grant_signed_before_the_key_was_rotated_still_holds(ring: KeyRing) -> None:
    signed = sign(ring, TERMS)
    ring.rotate("grant")
    verify(ring, signed)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 2}, "grant.version_unknown"),
        ({"type": "decision"}, "grant.version_unknown"),
        ({"extra": 1}, "grant.malformed"),
        ({"kind": "sing"}, "grant.malformed"),
        ({"expires_at": "tomorrow"}, "grant.malformed"),
        ({"lines": [{"position": 1}]}, "grant.malformed"),
        ({"marks": {}}, "grant.malformed"),
        ({"max_seconds": None}, "grant.malformed"),
    ],
)
def test_signed_record_that_is_no_good_grant_is_refused(
    ring: KeyRing, change: dict[str, Any], code: str
) -> None:
    signed = ring.sign_record("grant", TERMS.to_record() | change)
    assert refusal(ring, signed) == code


def test_grant_that_lacks_a_field_is_refused(ring: KeyRing) -> None:
    for name in TERMS.to_record().keys() - {"type", "version"}:
        record = TERMS.to_record()
        del record[name]
        assert refusal(ring, ring.sign_record("grant", record)) == "grant.malformed"


def test_verification_needs_no_private_key(ring: KeyRing, tmp_path: Path) -> None:
    signed = sign(ring, TERMS)
    public = PublicKey(signed.key_id, ring.public_key(signed.key_id).raw)
    (tmp_path / "grant.pem").unlink()
    verify_grant(
        payload=signed.payload, signature=signed.signature, public_key=public, intent=INTENT, now=NOW
    )
