"""Withdrawal and expiry: what stops, what is destroyed, what is kept, and the receipt that says so."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from audit.actors import Actor
from audit.errors import ConflictError, NotFoundError, VerificationError
from audit.log.queries import subjects_with
from consent import hooks, vault
from consent.consents import (
    active_consent,
    consented_recordings,
    expire_consents,
    offer_consent,
    open_link,
    open_receipt,
    prepare_consent,
    withdraw_consent,
)
from consent.documents import store_document
from consent.errors import LinkError, VaultError
from consent.hooks import Consequence, on_consent_ended
from consent.models import Consent, Receipt, Recording, Voice
from consent.recordings import add_recording
from consent.reporting import (
    destroyed_without_event,
    ended_without_event,
    recordings_without_event,
    sealed_without_event,
)
from tests.consent.conftest import make_scope, voice_file

Status = Consent.Status
SYSTEM = Actor.system("tests")


@pytest.fixture
def end_hook() -> Iterator[list[str]]:
    """A higher app's hook, which tells what it saw."""
    seen: list[str] = []

    @on_consent_ended
    def hook(*, consent: Consent, actor: Actor, now: datetime) -> list[Consequence]:
        seen.append(consent.status)
        return [Consequence("stopped", "requests", 3), Consequence("kept", "decisions", 2, "Proof.")]

    yield seen
    hooks._end_hooks.remove(hook)


def test_withdrawal_destroys_stops_and_gives_a_receipt(
    signed: Consent, voice: Voice, recording: Recording, owner_actor: Actor, end_hook, now: datetime
) -> None:
    clip = vault.store_object(voice=voice, purpose="render", data=b"clip", now=now)
    ended = withdraw_consent(consent=signed, reason="I changed my mind", actor=owner_actor, now=now)
    assert ended.status == Status.WITHDRAWN
    assert end_hook == ["withdrawn"]
    for obj in (recording.object, clip):
        with pytest.raises(VaultError, match=r"vault\.destroyed"):
            vault.read_object(obj)
    voice.refresh_from_db()
    assert voice.status == Voice.Status.DESTROYED
    receipt = open_receipt(ended)
    assert receipt["consent"]["digest"] == signed.digest
    assert receipt["ended"]["reason"] == "I changed my mind"
    assert {"what": "requests", "count": 3, "note": ""} in receipt["stopped"]
    assert [(line["what"], line["count"]) for line in receipt["destroyed"]] == [
        ("recordings", 1),
        ("clips", 1),
    ]
    assert "decisions" in {line["what"] for line in receipt["kept"]}
    assert receipt["backups_until"] == "2026-12-02T09:30:00Z"
    with pytest.raises(ConflictError, match=r"consent\.none_active"):
        active_consent(voice, now)
    assert consented_recordings(ended) == []


def test_reason_stays_out_of_the_log(signed: Consent, owner_actor: Actor, now: datetime) -> None:
    from audit.models import InboxEvent, Leaf

    withdraw_consent(consent=signed, reason="private matter", actor=owner_actor, now=now)
    assert signed.pk in subjects_with("consent.withdrawn")
    bodies = [bytes(row.body) for model in (InboxEvent, Leaf) for row in model.objects.all()]
    assert not any(b"private matter" in body for body in bodies)


def test_withdrawing_twice_is_a_named_error(signed: Consent, owner_actor: Actor, now: datetime) -> None:
    withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    with pytest.raises(ConflictError, match=r"consent\.is_withdrawn"):
        withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    assert Receipt.objects.count() == 1


def test_person_keeps_the_document_of_a_destroyed_voice(signed: Consent, owner_actor: Actor, now) -> None:
    obj = vault.store_object(voice=signed.voice, purpose="document", data=b"%PDF", now=now)
    withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    assert vault.read_object(obj) == b"%PDF"


@pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning")
def test_document_can_still_be_made_after_the_withdrawal(signed: Consent, owner_actor: Actor, now) -> None:
    ended = withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    assert vault.read_object(store_document(consent=ended, now=now)).startswith(b"%PDF")


def test_clips_are_kept_where_the_scope_says_so(
    voice: Voice, recording: Recording, offer_and_sign, owner_actor: Actor, now: datetime
) -> None:
    consent = offer_and_sign(after_end="keep")
    clip = vault.store_object(voice=voice, purpose="render", data=b"clip", now=now)
    withdraw_consent(consent=consent, reason="", actor=owner_actor, now=now)
    assert vault.read_object(clip) == b"clip"
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.read_object(recording.object)
    voice.refresh_from_db()
    assert voice.status == Voice.Status.NONE
    receipt = open_receipt(consent)
    assert {"what": "clips", "count": 1, "note": "The consent lets clips made before be kept."} in receipt[
        "kept"
    ]


def test_failing_hook_undoes_the_whole_withdrawal(
    signed: Consent, recording: Recording, owner_actor: Actor, now: datetime
) -> None:
    @on_consent_ended
    def broken(*, consent: Consent, actor: Actor, now: datetime) -> None:
        raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError):
            withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    finally:
        hooks._end_hooks.remove(broken)
    assert Consent.objects.get(pk=signed.pk).status == Status.ACTIVE
    assert vault.read_object(recording.object)


def test_destroyed_voice_takes_nothing_in_any_more(
    signed: Consent, voice: Voice, owner_actor: Actor, steward: Actor, now: datetime
) -> None:
    withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    with pytest.raises(ConflictError, match=r"voice\.is_destroyed"):
        prepare_consent(voice=voice, scope=make_scope(now), actor=steward, now=now)
    voice.refresh_from_db()
    with pytest.raises(ConflictError, match=r"voice\.is_destroyed"):
        add_recording(voice=voice, data=voice_file("slt", 1), filename="a.flac", actor=steward, now=now)


def test_withdrawal_revokes_an_open_offer_of_the_next_version(
    signed: Consent, voice: Voice, steward: Actor, owner_actor: Actor, sign, now: datetime
) -> None:
    draft = prepare_consent(voice=voice, scope=make_scope(now), actor=steward, now=now)
    link = open_link(token=offer_consent(consent=draft, actor=steward, now=now), now=now)
    withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    with pytest.raises((ConflictError, LinkError)):
        sign(link)


def test_withdrawal_also_ends_a_signed_consent_that_waits(
    signed: Consent, offer_and_sign: Callable[..., Consent], owner_actor: Actor, now: datetime
) -> None:
    later = offer_and_sign(valid_from=now + timedelta(days=5))
    withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    later.refresh_from_db()
    assert later.status == Status.WITHDRAWN
    assert "newer consents" in {line["what"] for line in open_receipt(signed)["stopped"]}


def test_consent_expires_on_time_and_destroys(
    signed: Consent, recording: Recording, end_hook, now: datetime
) -> None:
    assert expire_consents(actor=SYSTEM, now=signed.valid_until - timedelta(seconds=1)) == 0
    assert expire_consents(actor=SYSTEM, now=signed.valid_until) == 1
    assert expire_consents(actor=SYSTEM, now=signed.valid_until) == 0
    assert Consent.objects.get(pk=signed.pk).status == Status.EXPIRED
    assert end_hook == ["expired"]
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.read_object(recording.object)


def test_voice_lives_on_when_a_newer_consent_follows(
    signed: Consent, voice: Voice, recording: Recording, offer_and_sign, now: datetime
) -> None:
    until = signed.valid_until
    later = offer_and_sign(valid_from=until, valid_until=until + timedelta(days=90))
    assert expire_consents(actor=SYSTEM, now=until) == 2
    assert active_consent(voice, until) == later
    assert vault.read_object(recording.object)


def test_log_and_tables_agree_until_somebody_edits_a_row(
    signed: Consent, voice: Voice, recording: Recording, owner_actor: Actor, now: datetime
) -> None:
    withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    checks = (sealed_without_event, ended_without_event, destroyed_without_event)
    assert not [sentence for check in checks for sentence in check()]
    # The fixture made this recording without its operation, as an intruder would.
    assert [str(recording.pk) in sentence for sentence in recordings_without_event()] == [True]
    Consent.objects.filter(pk=signed.pk).update(status=Status.EXPIRED)
    assert any(str(signed.pk) in sentence for sentence in ended_without_event())


def test_receipt_is_canonical_json(signed: Consent, owner_actor: Actor, now: datetime) -> None:
    from audit.merkle.canonical import canonical_bytes

    ended = withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    payload = bytes(ended.receipt.record)
    assert canonical_bytes(json.loads(payload)) == payload


def test_edited_receipt_is_found(signed: Consent, owner_actor: Actor, now: datetime) -> None:
    ended = withdraw_consent(consent=signed, reason="", actor=owner_actor, now=now)
    record = bytes(ended.receipt.record).replace(b"destroyed", b"preserved")
    Receipt.objects.update(record=record)
    with pytest.raises(VerificationError, match=r"record\.signature_invalid"):
        open_receipt(ended)


def test_no_receipt_before_the_end(signed: Consent) -> None:
    with pytest.raises(NotFoundError, match=r"receipt\.unknown"):
        open_receipt(signed)
