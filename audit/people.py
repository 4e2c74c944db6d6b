"""Operations on people and their roles."""

import zoneinfo
from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from audit.actors import Actor, ActorKind
from audit.errors import AuditError, ConflictError
from audit.log import record_event
from audit.models import Person
from audit.roles import Role


@transaction.atomic
def create_person(
    *,
    email: str,
    full_name: str,
    roles: Iterable[Role],
    password: str | None,
    time_zone: str = "UTC",
    actor: Actor,
    now: datetime,
) -> Person:
    """Let somebody in. Without a password they cannot sign in until they have set one.

    Raises:
        NotAllowedError: ``access.role_missing``; only administrators and the system create people.
        AuditError: ``person.email_invalid``, ``person.name_missing``, ``person.time_zone_unknown``.
        ConflictError: ``person.email_taken``.
    """
    acting = require_administration(actor)
    roles = frozenset(roles)
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise AuditError(
            "person.email_invalid", f"{email!r} is not an e-mail address.", "Check the spelling."
        ) from None
    if not full_name.strip():
        raise AuditError("person.name_missing", "A person needs a name.", "Give the full name.")
    if time_zone not in zoneinfo.available_timezones():
        raise AuditError(
            "person.time_zone_unknown",
            f"There is no time zone {time_zone!r}.",
            "Use a name such as Europe/Lisbon.",
        )
    person = Person(email=email, full_name=full_name.strip(), time_zone=time_zone, created_at=now)
    person.set_password(password)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError:
        raise ConflictError(
            "person.email_taken",
            "Somebody with this e-mail address is known already.",
            "Change that person's roles instead.",
        ) from None
    set_groups(person, roles)
    record_event(
        action="person.created",
        actor=actor,
        role=acting,
        subject=person,
        payload={"roles": sorted(roles)},
        private={"email": email, "full_name": person.full_name},
        now=now,
    )
    return person


@transaction.atomic
def change_roles(*, person: Person, roles: Iterable[Role], actor: Actor, now: datetime) -> Person:
    """Give ``person`` exactly ``roles``. Nothing happens where they are the same.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``person.last_administrator``.
    """
    acting = require_administration(actor)
    roles = frozenset(roles)
    person = Person.objects.select_for_update().get(pk=person.pk)
    before = person.roles
    if before == roles:
        return person
    if Role.ADMINISTRATOR in before - roles:
        require_another_administrator(person)
    set_groups(person, roles)
    record_event(
        action="person.roles_changed",
        actor=actor,
        role=acting,
        subject=person,
        payload={"before": sorted(before), "after": sorted(roles)},
        now=now,
    )
    return person


@transaction.atomic
def deactivate_person(*, person: Person, actor: Actor, now: datetime) -> Person:
    """Shut ``person`` out; what they did stays as it is. A second time is a no-op.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``person.last_administrator``.
    """
    acting = require_administration(actor)
    person = Person.objects.select_for_update().get(pk=person.pk)
    if not person.is_active:
        return person
    if Role.ADMINISTRATOR in person.roles:
        require_another_administrator(person)
    person.is_active = False
    person.save(update_fields=["is_active"])
    record_event(action="person.deactivated", actor=actor, role=acting, subject=person, payload={}, now=now)
    return person


@transaction.atomic
def set_password(*, person: Person, password: str, actor: Actor, now: datetime) -> Person:
    """Give somebody a new password who lost theirs; their sessions end. The caller has judged its strength.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``person.closed``.
    """
    acting = require_administration(actor)
    person = Person.objects.select_for_update().get(pk=person.pk)
    if not person.is_active:
        raise ConflictError("person.closed", "This account is closed.", "Create a new one.")
    person.set_password(password)
    person.save(update_fields=["password"])
    record_event(action="person.password_set", actor=actor, role=acting, subject=person, payload={}, now=now)
    return person


@transaction.atomic
def record_sign_in(*, person: Person, now: datetime) -> None:
    record_event(
        action="person.signed_in", actor=Actor.from_person(person), subject=person, payload={}, now=now
    )


def require_administration(actor: Actor) -> Role | None:
    """The system may look after people without a role (set-up, demo); anybody else is an administrator."""
    return None if actor.kind is ActorKind.SYSTEM else actor.require(Role.ADMINISTRATOR)


def require_another_administrator(person: Person) -> None:
    others = Person.objects.filter(groups__name=Role.ADMINISTRATOR, is_active=True).exclude(pk=person.pk)
    # Locked, so that two administrators cannot remove each other at the same moment.
    if not list(others.select_for_update(of=("self",)).values_list("pk", flat=True)):
        raise ConflictError(
            "person.last_administrator",
            "This is the last administrator.",
            "Make somebody else an administrator first.",
        )


def set_groups(person: Person, roles: frozenset[Role]) -> None:
    person.groups.set(Group.objects.filter(name__in=roles))
