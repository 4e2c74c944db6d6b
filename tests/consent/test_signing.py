"""Signing seals exactly what was offered; every edge that does not exist is refused by name."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from audit.actors import Actor
from audit.errors import ConflictError, NotAllowedError, VivaVoceError
from audit.log.queries import subjects_with
from consent.consents import (
    AGREEMENTS,
    active_consent,
    consented_recordings,
    decline_consent,
    expire_consents,
    offer_consent,
    open_link,
    prepare_consent,
    recall_offer,
    resume_consent,
    revise_draft,
    suspend_consent,
    verify_consent_record,
    withdraw_consent,
)
from consent.errors import ConsentError
from consent.models import Consent, ConsentLink, Voice
from consent.recordings import remove_recording
from tests.consent.conftest import EVIDENCE, make_scope

Status = Consent.Status
SYSTEM = Actor.system("tests")


def test_signed_consent_is_sealed_and_in_force(
    signed: Consent, voice: Voice, recording, now: datetime
) -> None:
    assert signed.status == Status.ACTIVE
    assert active_consent(voice, now) == signed
    record = verify_consent_record(signed)
    assert record["type"] == "consent"
    assert record["scope"] == signed.scope_json
    assert record["signature"]["typed_name"] == "Odalys Owner"
    assert record["signature"]["address"] == "192.0.2.7"
    assert record["signature"]["local_time"] == "2026-11-02T09:30:00+00:00"
    assert [each["sha256"] for each in record["data"]["recordings"]] == [recording.sha256]
    assert {each["code"] for each in record["agreements"]} == set(AGREEMENTS)
    assert signed.pk in subjects_with("consent.signed")


def test_log_holds_no_personal_data_of_the_signer(signed: Consent) -> None:
    from audit.models import InboxEvent, Leaf

    bodies = [bytes(row.body) for model in (InboxEvent, Leaf) for row in model.objects.all()]
    assert bodies
    for secret in (b"Odalys", b"odalys", b"192.0.2.7", b"Firefox", b"400 euros"):
        assert not any(secret in body for body in bodies)


def test_unknown_zone_falls_back_to_the_owners(link: ConsentLink, sign: Callable[..., Consent]) -> None:
    signed = sign(link, evidence=EVIDENCE | {"time_zone": "Mars/Olympus", "agent": "x" * 5000})
    signature = json.loads(bytes(signed.record))["signature"]
    assert signature["time_zone"] == "Europe/Lisbon"
    assert len(signature["agent"]) == 400


@pytest.mark.parametrize("name", ["odalys owner", "  Odalys   Owner ", "ＯＤＡＬＹＳ Owner"])
def test_name_may_differ_in_case_space_and_width(link: ConsentLink, sign, name: str) -> None:
    assert sign(link, typed_name=name).status == Status.ACTIVE


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"typed_name": "Somebody Else"}, "consent.name_mismatch"),
        ({"typed_name": ""}, "consent.name_mismatch"),
        ({"agreements": set()}, "consent.agreement_missing"),
        ({"agreements": set(AGREEMENTS) - {"scope"}}, "consent.agreement_missing"),
    ],
)
def test_incomplete_signature_is_refused_and_leaves_the_link_usable(
    link: ConsentLink, sign: Callable[..., Consent], change: dict, code: str
) -> None:
    with pytest.raises(ConsentError) as refused:
        sign(link, **change)
    assert refused.value.code == code
    assert sign(link).status == Status.ACTIVE


def test_nobody_signs_for_the_owner(link: ConsentLink, sign: Callable[..., Consent], steward: Actor) -> None:
    with pytest.raises(NotAllowedError, match=r"consent\.not_the_owner"):
        sign(link, actor=steward)


def test_another_owners_link_actor_cannot_sign(link: ConsentLink, sign: Callable[..., Consent]) -> None:
    with pytest.raises(NotAllowedError, match=r"consent\.not_the_owner"):
        sign(link, actor=Actor.from_link(link.pk, "Odalys Owner"))


def test_consent_about_no_recording_is_not_signed(
    link: ConsentLink, recording, sign: Callable[..., Consent], steward: Actor, now: datetime
) -> None:
    remove_recording(recording=recording, actor=steward, now=now)
    with pytest.raises(ConsentError, match=r"consent\.no_recordings"):
        sign(link)


def test_newer_consent_supersedes_the_older(
    signed: Consent, voice: Voice, offer_and_sign: Callable[..., Consent], now: datetime
) -> None:
    newer = offer_and_sign(channels=("web",))
    signed.refresh_from_db()
    assert signed.status == Status.SUPERSEDED
    assert signed.ended_at == now
    assert newer.version == signed.version + 1
    assert newer.supersedes == signed
    assert verify_consent_record(newer)["record"]["supersedes"] == signed.digest
    assert active_consent(voice, now) == newer
    assert signed.pk in subjects_with("consent.superseded")


def test_consent_for_later_begins_on_its_day_and_replaces_then(
    signed: Consent, voice: Voice, offer_and_sign: Callable[..., Consent], now: datetime
) -> None:
    later = offer_and_sign(valid_from=now + timedelta(days=5))
    assert later.status == Status.SIGNED
    assert active_consent(voice, now) == signed
    assert expire_consents(actor=SYSTEM, now=now + timedelta(days=4)) == 0
    assert expire_consents(actor=SYSTEM, now=now + timedelta(days=5)) == 1
    assert active_consent(voice, now + timedelta(days=5)) == later


def test_recordings_added_after_the_signature_are_not_consented(signed: Consent, make_recording) -> None:
    first = signed.voice.recordings.get()
    make_recording(number=1)
    assert consented_recordings(signed) == [first]


def test_no_active_consent_before_after_and_in_suspension(
    signed: Consent, voice: Voice, steward: Actor, now: datetime
) -> None:
    for moment in (now - timedelta(days=2), signed.valid_until):
        with pytest.raises(ConflictError, match=r"consent\.none_active"):
            active_consent(voice, moment)
    suspend_consent(consent=signed, reason="", actor=steward, now=now)
    with pytest.raises(ConflictError, match=r"consent\.suspended"):
        active_consent(voice, now)
    resume_consent(consent=signed, actor=steward, now=now)
    assert active_consent(voice, now) == signed


def test_steward_cannot_resume_what_the_owner_suspended(
    signed: Consent, steward: Actor, owner_actor: Actor, now: datetime
) -> None:
    suspend_consent(consent=signed, reason="a break", actor=owner_actor, now=now)
    with pytest.raises(NotAllowedError, match=r"consent\.suspended_by_owner"):
        resume_consent(consent=signed, actor=steward, now=now)
    assert resume_consent(consent=signed, actor=owner_actor, now=now).status == Status.ACTIVE


def test_declined_consent_may_be_revised_and_offered_again(
    link: ConsentLink, draft: Consent, owner_actor: Actor, steward: Actor, sign, now: datetime
) -> None:
    declined = decline_consent(link=link, reason="Too broad", actor=owner_actor, now=now)
    assert declined.status == Status.DECLINED
    revise_draft(consent=draft, scope=make_scope(now, channels=("phone",)), actor=steward, now=now)
    token = offer_consent(consent=draft, actor=steward, now=now)
    assert sign(open_link(token=token, now=now)).scope.channels == ("phone",)


def test_offered_consent_is_not_changed_under_the_owners_eyes(
    link: ConsentLink, draft: Consent, steward: Actor, now: datetime
) -> None:
    with pytest.raises(ConflictError, match=r"consent\.is_offered"):
        revise_draft(consent=draft, scope=make_scope(now), actor=steward, now=now)


def test_scope_that_is_over_is_not_prepared(voice: Voice, steward: Actor, now: datetime) -> None:
    scope = make_scope(now)
    with pytest.raises(ConsentError, match=r"consent\.ends_in_the_past"):
        prepare_consent(voice=voice, scope=scope, actor=steward, now=scope.valid_until)


def test_only_stewards_prepare_and_offer(voice: Voice, draft: Consent, make_person, now: datetime) -> None:
    stranger = Actor.from_person(make_person("Sam Stranger"))
    operations: list[Callable[[], object]] = [
        lambda: prepare_consent(voice=voice, scope=make_scope(now), actor=stranger, now=now),
        lambda: revise_draft(consent=draft, scope=make_scope(now), actor=stranger, now=now),
        lambda: offer_consent(consent=draft, actor=stranger, now=now),
        lambda: recall_offer(consent=draft, actor=stranger, now=now),
        lambda: suspend_consent(consent=draft, reason="", actor=stranger, now=now),
        lambda: resume_consent(consent=draft, actor=stranger, now=now),
        lambda: withdraw_consent(consent=draft, reason="", actor=stranger, now=now),
    ]
    for operation in operations:
        with pytest.raises(NotAllowedError, match=r"access\.role_missing"):
            operation()


# Every status × every operation: what does not lead somewhere here is refused as consent.is_<status>.
LEGAL = {
    ("draft", "revise"): "draft",
    ("draft", "offer"): "offered",
    ("offered", "offer"): "offered",
    ("offered", "recall"): "draft",
    ("offered", "sign"): "active",
    ("offered", "decline"): "declined",
    ("declined", "revise"): "draft",
    ("active", "suspend"): "suspended",
    ("suspended", "resume"): "active",
    ("signed", "withdraw"): "withdrawn",
    ("active", "withdraw"): "withdrawn",
    ("suspended", "withdraw"): "withdrawn",
}
OPERATIONS = ("revise", "offer", "recall", "sign", "decline", "suspend", "resume", "withdraw")


@pytest.fixture
def in_status(draft: Consent, recording, steward: Actor, sign, now: datetime) -> Callable[[str], ConsentLink]:
    """Put the draft into any status by force, with everything the database asks of it, and a link at hand."""
    from consent.consents.links import create_link

    def put(status: str) -> ConsentLink:
        token = offer_consent(consent=draft, actor=steward, now=now)
        link = open_link(token=token, now=now)
        if status not in Consent.UNSEALED:
            sign(link)
            create_link(draft, ConsentLink.Purpose.SIGN, now + timedelta(days=1), now)
            link = ConsentLink.objects.select_related("consent__voice__owner").get(used_at=None)
        Consent.objects.filter(pk=draft.pk).update(status=status)
        return link

    return put


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", Status.values)
def test_every_edge(
    status: str, operation: str, in_status, draft: Consent, steward: Actor, owner_actor: Actor, sign, now
) -> None:
    link = in_status(status)
    run: dict[str, Callable[[], Consent | str]] = {
        "revise": lambda: revise_draft(consent=draft, scope=make_scope(now), actor=steward, now=now),
        "offer": lambda: offer_consent(consent=draft, actor=steward, now=now),
        "recall": lambda: recall_offer(consent=draft, actor=steward, now=now),
        "sign": lambda: sign(link),
        "decline": lambda: decline_consent(link=link, reason="", actor=owner_actor, now=now),
        "suspend": lambda: suspend_consent(consent=draft, reason="", actor=steward, now=now),
        "resume": lambda: resume_consent(consent=draft, actor=steward, now=now),
        "withdraw": lambda: withdraw_consent(consent=draft, reason="", actor=steward, now=now),
    }
    if expected := LEGAL.get((status, operation)):
        run[operation]()
        assert Consent.objects.get(pk=draft.pk).status == expected
    else:
        with pytest.raises(VivaVoceError) as refused:
            run[operation]()
        assert refused.value.code == f"consent.is_{status}"
        assert Consent.objects.get(pk=draft.pk).status == status
