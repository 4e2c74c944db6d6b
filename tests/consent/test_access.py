"""Who sees which owner, voice, consent and recording. What one may not see does not exist: 404."""

import uuid
from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import Group, Permission

from audit.actors import Actor
from audit.errors import ConflictError, NotAllowedError, NotFoundError
from audit.log.queries import subjects_with
from audit.models import Person
from audit.roles import Role
from consent import access
from consent.errors import ConsentError
from consent.models import Consent, Recording, Voice, VoiceGroupPermission, VoiceOwner
from consent.owners import create_owner, link_account

EVERYTHING = {"owner", "voice", "consent", "recording"}
SEES: dict[Role | None, set[str]] = {
    None: set(),
    Role.REQUESTER: set(),
    Role.VOICE_OWNER: set(),
    Role.POLICY_REVIEWER: {"voice", "consent"},
    Role.LEGAL_REVIEWER: {"voice", "consent"},
    Role.SECURITY_REVIEWER: {"voice", "consent"},
    Role.ADMINISTRATOR: {"owner", "voice", "consent"},
    Role.AUDITOR: EVERYTHING,
    Role.VOICE_STEWARD: EVERYTHING,
}


def seen_by(person: Person, signed: Consent, recording: Recording) -> set[str]:
    getters: dict[str, tuple[Callable, uuid.UUID]] = {
        "owner": (access.get_owner, signed.voice.owner_id),
        "voice": (access.get_voice, signed.voice_id),
        "consent": (access.get_consent, signed.pk),
        "recording": (access.get_recording, recording.pk),
    }
    seen = set()
    for kind, (getter, pk) in getters.items():
        try:
            assert getter(person, pk).pk == pk
            seen.add(kind)
        except NotFoundError:
            continue
    return seen


@pytest.mark.parametrize("role", SEES, ids=lambda role: role or "stranger")
def test_each_role_sees_its_kinds(role, signed: Consent, recording: Recording, make_person) -> None:
    person = make_person("Robin Role", *([role] if role else []))
    assert seen_by(person, signed, recording) == SEES[role]


def test_owner_with_account_sees_what_is_theirs_only(
    signed: Consent, recording: Recording, make_person, steward: Actor, now: datetime
) -> None:
    person = make_person("Odalys Account", Role.VOICE_OWNER)
    link_account(owner=signed.voice.owner, person=person, actor=steward, now=now)
    other = create_owner(
        full_name="Other Owner",
        email="other@example.org",
        country="FR",
        time_zone="Europe/Paris",
        language="en",
        actor=steward,
        now=now,
    )
    assert seen_by(person, signed, recording) == EVERYTHING
    assert list(access.owners_for(person)) == [signed.voice.owner]
    with pytest.raises(NotFoundError, match=r"owner\.unknown") as refused:
        access.get_owner(person, other.pk)
    assert refused.value.http_status == 404


def test_opened_voice_is_requestable_until_closed(
    signed: Consent, recording: Recording, make_person, steward: Actor, now: datetime
) -> None:
    person, voice = make_person("Rita Requester", Role.REQUESTER), signed.voice
    assert not access.voices_for_request(person)
    for _ in range(2):
        access.open_voice(voice=voice, person=person, actor=steward, now=now)
    assert list(access.voices_for_request(person)) == [voice]
    assert list(access.requesters_of(voice)) == [person]
    assert seen_by(person, signed, recording) == {"voice", "consent"}
    assert voice.pk in subjects_with("voice.opened")
    access.close_voice(voice=voice, person=person, actor=steward, now=now)
    assert seen_by(person, signed, recording) == set()
    assert voice.pk in subjects_with("voice.closed")


def test_voice_opened_to_a_group_is_open_to_its_members(voice: Voice, make_person) -> None:
    person = make_person("Rita Requester", Role.REQUESTER)
    permission = Permission.objects.get(codename="request_speech")
    group = Group.objects.get(name=Role.REQUESTER)
    VoiceGroupPermission.objects.create(group=group, content_object=voice, permission=permission)
    assert list(access.voices_for_request(person)) == [voice]
    assert person.has_perm("consent.request_speech", voice)


def test_permission_without_the_role_requests_nothing(
    voice: Voice, make_person, steward: Actor, now: datetime
) -> None:
    person = make_person("Paul Former")
    access.open_voice(voice=voice, person=person, actor=steward, now=now)
    assert not access.voices_for_request(person)


def test_only_stewards_open_voices(voice: Voice, make_person, now: datetime) -> None:
    person = make_person("Rita Requester", Role.REQUESTER)
    with pytest.raises(NotAllowedError, match=r"access\.role_missing"):
        access.open_voice(voice=voice, person=person, actor=Actor.from_person(person), now=now)


@pytest.mark.parametrize("pk", ["not-a-uuid", "", uuid.UUID(int=0)])
def test_nonsense_ids_are_unknown(steward: Actor, pk) -> None:
    with pytest.raises(NotFoundError, match=r"voice\.unknown"):
        access.get_voice(steward.person, pk)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"full_name": "  "}, "owner.name_missing"),
        ({"email": "nobody"}, "owner.email_invalid"),
        ({"country": "XX"}, "owner.country_unknown"),
        ({"language": "xx"}, "owner.language_unknown"),
        ({"time_zone": "Mars/Olympus"}, "owner.time_zone_unknown"),
    ],
)
def test_owner_with_bad_data_is_refused(steward: Actor, now: datetime, change: dict, code: str) -> None:
    data = {
        "full_name": "New Owner",
        "email": "new@example.org",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "language": "de",
    }
    with pytest.raises(ConsentError) as refused:
        create_owner(**(data | change), actor=steward, now=now)
    assert refused.value.code == code
    assert not VoiceOwner.objects.exists()


def test_account_of_another_owner_is_not_linked_twice(owner, make_person, steward: Actor, now) -> None:
    first, second = make_person("Ann One", Role.VOICE_OWNER), make_person("Ben Two", Role.VOICE_OWNER)
    link_account(owner=owner, person=first, actor=steward, now=now)
    assert link_account(owner=owner, person=first, actor=steward, now=now).account == first
    with pytest.raises(ConflictError, match=r"owner\.account_taken"):
        link_account(owner=owner, person=second, actor=steward, now=now)
    with pytest.raises(ConsentError, match=r"owner\.account_role_missing"):
        link_account(owner=owner, person=make_person("Cy Three"), actor=steward, now=now)
