from datetime import datetime

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from audit import people
from audit.actors import Actor, ActorKind
from audit.errors import AuditError, ConflictError, NotAllowedError
from audit.log.models import InboxEvent, PersonalData
from audit.models import Person
from audit.roles import Role, ensure_role_groups

PASSWORD = "a long password for tests"
SYSTEM = Actor.system("set-up")

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(now: datetime) -> Person:
    return make("ada@example.org", now, Role.ADMINISTRATOR)


def make(email: str, now: datetime, *roles: Role, actor: Actor = SYSTEM, **changes: object) -> Person:
    fields = {"email": email, "full_name": "Ada Byron", "roles": roles, "password": PASSWORD} | changes
    return people.create_person(**fields, actor=actor, now=now)


def test_every_role_has_its_group() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(Role.values)


def test_missing_role_group_is_made_again() -> None:
    Group.objects.get(name=Role.AUDITOR).delete()
    ensure_role_groups()
    ensure_role_groups()
    assert Group.objects.filter(name=Role.AUDITOR).count() == 1


def test_created_person_holds_the_roles_and_can_sign_in(rf: object, admin: Person, now: datetime) -> None:
    actor = Actor.from_person(admin)
    person = make(
        " Grace@Example.ORG ", now, Role.AUDITOR, Role.REQUESTER, actor=actor, time_zone="Europe/Lisbon"
    )
    assert person.email == "grace@example.org"
    assert person.roles == {Role.AUDITOR, Role.REQUESTER}
    assert person.check_password(PASSWORD)
    assert Person.objects.get_by_natural_key("GRACE@example.org") == person
    assert authenticate(rf.get("/"), username="Grace@example.org", password=PASSWORD) == person


def test_creation_is_an_event_without_personal_data(admin: Person, now: datetime) -> None:
    person = make("grace@example.org", now, Role.AUDITOR, actor=Actor.from_person(admin))
    row = InboxEvent.objects.get(action="person.created", subject_id=person.pk)
    assert row.event["payload"] == {"roles": ["auditor"]}
    assert row.event["actor"] == {"kind": "person", "id": str(admin.pk), "role": "administrator"}
    assert b"grace" not in bytes(row.body)
    assert PersonalData.objects.get(event_id=row.event_id).data["email"] == "grace@example.org"


def test_person_without_password_cannot_sign_in(now: datetime) -> None:
    assert not make("grace@example.org", now, password=None).has_usable_password()


def test_creation_by_somebody_else_than_an_administrator_is_refused(now: datetime) -> None:
    auditor = make("grace@example.org", now, Role.AUDITOR)
    with pytest.raises(NotAllowedError) as caught:
        make("new@example.org", now, actor=Actor.from_person(auditor))
    assert caught.value.code == "access.role_missing"
    with pytest.raises(NotAllowedError):
        make("new@example.org", now, actor=Actor.worker("gpu-1"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": "not an address"}, "person.email_invalid"),
        ({"full_name": "  "}, "person.name_missing"),
        ({"time_zone": "Mars/Olympus"}, "person.time_zone_unknown"),
    ],
)
def test_bad_input_is_refused(changes: dict[str, str], code: str, now: datetime) -> None:
    with pytest.raises(AuditError) as caught:
        make(**({"email": "ada@example.org", "now": now} | changes))
    assert caught.value.code == code
    assert not Person.objects.exists()


def test_email_is_unique_in_any_case(admin: Person, now: datetime) -> None:
    with pytest.raises(ConflictError) as caught:
        make("ADA@example.org", now)
    assert caught.value.code == "person.email_taken"
    with pytest.raises(IntegrityError), transaction.atomic():
        Person.objects.create(email="ADA@example.org", full_name="Ada again")


def test_changed_roles_are_an_event(admin: Person, now: datetime) -> None:
    person = make("grace@example.org", now, Role.AUDITOR)
    person = people.change_roles(
        person=person, roles=[Role.LEGAL_REVIEWER], actor=Actor.from_person(admin), now=now
    )
    assert person.roles == {Role.LEGAL_REVIEWER}
    event = InboxEvent.objects.get(action="person.roles_changed").event
    assert event["payload"] == {"before": ["auditor"], "after": ["legal_reviewer"]}


def test_same_roles_again_change_nothing(admin: Person, now: datetime) -> None:
    people.change_roles(person=admin, roles=[Role.ADMINISTRATOR], actor=Actor.from_person(admin), now=now)
    assert not InboxEvent.objects.filter(action="person.roles_changed").exists()


def test_last_administrator_stays(admin: Person, now: datetime) -> None:
    actor = Actor.from_person(admin)
    with pytest.raises(ConflictError) as caught:
        people.change_roles(person=admin, roles=[], actor=actor, now=now)
    assert caught.value.code == "person.last_administrator"
    with pytest.raises(ConflictError):
        people.deactivate_person(person=admin, actor=actor, now=now)
    make("second@example.org", now, Role.ADMINISTRATOR)
    assert not people.change_roles(person=admin, roles=[], actor=actor, now=now).roles


def test_deactivated_person_cannot_sign_in(rf: object, admin: Person, now: datetime) -> None:
    person = make("grace@example.org", now, Role.AUDITOR)
    for _ in range(2):
        person = people.deactivate_person(person=person, actor=Actor.from_person(admin), now=now)
    assert authenticate(rf.get("/"), username=person.email, password=PASSWORD) is None
    assert InboxEvent.objects.filter(action="person.deactivated").count() == 1


def test_new_password_replaces_the_lost_one(rf: object, admin: Person, now: datetime) -> None:
    person = make("grace@example.org", now)

    people.set_password(person=person, password="another long one", actor=Actor.from_person(admin), now=now)

    assert authenticate(rf.get("/"), username="grace@example.org", password=PASSWORD) is None
    assert authenticate(rf.get("/"), username="grace@example.org", password="another long one") == person
    assert InboxEvent.objects.filter(action="person.password_set").exists()


def test_new_password_by_somebody_else_than_an_administrator_is_refused(now: datetime) -> None:
    person = make("grace@example.org", now)

    with pytest.raises(NotAllowedError, match=r"access\.role_missing"):
        people.set_password(person=person, password="x" * 12, actor=Actor.from_person(person), now=now)


def test_closed_account_gets_no_password(admin: Person, now: datetime) -> None:
    actor = Actor.from_person(admin)
    person = people.deactivate_person(person=make("grace@example.org", now), actor=actor, now=now)

    with pytest.raises(ConflictError, match=r"person\.closed"):
        people.set_password(person=person, password="x" * 12, actor=actor, now=now)


def test_sign_in_is_an_event(admin: Person, now: datetime) -> None:
    people.record_sign_in(person=admin, now=now)
    assert InboxEvent.objects.filter(action="person.signed_in", actor_id=admin.pk).count() == 1


def test_actor_acts_in_the_first_role_that_fits(now: datetime) -> None:
    person = make("grace@example.org", now, Role.AUDITOR, Role.LEGAL_REVIEWER)
    actor = Actor.from_person(person)
    assert (actor.kind, actor.id, actor.name) == (ActorKind.PERSON, str(person.pk), "Ada Byron")
    assert actor.require(Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER) is Role.LEGAL_REVIEWER
    with pytest.raises(NotAllowedError) as caught:
        actor.require(Role.POLICY_REVIEWER)
    assert (caught.value.http_status, caught.value.code) == (403, "access.role_missing")
    assert "policy reviewer" in caught.value.message


def test_owner_by_link_acts_as_voice_owner(now: datetime) -> None:
    owner = make("olga@example.org", now)
    assert Actor.from_link(owner.pk, "Olga").require(Role.VOICE_OWNER) is Role.VOICE_OWNER


@pytest.mark.parametrize("actor", [Actor.system("scheduler"), Actor.worker("gpu-1")])
def test_system_and_workers_hold_no_role(actor: Actor) -> None:
    with pytest.raises(NotAllowedError):
        actor.require(*Role)
