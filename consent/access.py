"""Who may see what. Pages fetch objects only through here: what you may not see does not exist for you.

Stewards and auditors see every owner, administrators too, but no recordings. Reviewers see voices and
consents, which they decide upon. Owners see what is theirs. Requesters see the voices that were opened to
them by the object permission ``request_speech``, to a person or to a group, and the consents of these.
"""

from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from audit.actors import Actor
from audit.errors import NotFoundError
from audit.log import record_event
from audit.models import Person
from audit.roles import Role
from consent.models import (
    Consent,
    Recording,
    Voice,
    VoiceGroupPermission,
    VoiceOwner,
    VoiceUserPermission,
)

SEE_OWNERS = {Role.VOICE_STEWARD, Role.AUDITOR, Role.ADMINISTRATOR}
SEE_VOICES = SEE_OWNERS | {Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER, Role.SECURITY_REVIEWER}
HEAR_RECORDINGS = {Role.VOICE_STEWARD, Role.AUDITOR}
REQUEST_SPEECH = "request_speech"

M = TypeVar("M", bound=Model)


def owners_for(person: Person) -> QuerySet[VoiceOwner]:
    owners = VoiceOwner.objects.all()
    return owners if person.roles & SEE_OWNERS else owners.filter(account=person)


def voices_for(person: Person) -> QuerySet[Voice]:
    voices = Voice.objects.select_related("owner")
    if person.roles & SEE_VOICES:
        return voices
    return voices.filter(Q(owner__account=person) | Q(pk__in=_opened_to(person)))


def voices_for_request(person: Person) -> QuerySet[Voice]:
    """The voices that a requester may ask speech of, whatever state they are in."""
    voices = Voice.objects.select_related("owner")
    if Role.REQUESTER not in person.roles:
        return voices.none()
    return voices.filter(pk__in=_opened_to(person))


def consents_for(person: Person) -> QuerySet[Consent]:
    consents = Consent.objects.select_related("voice__owner")
    if person.roles & SEE_VOICES:
        return consents
    return consents.filter(Q(voice__owner__account=person) | Q(voice__in=_opened_to(person)))


def recordings_for(person: Person) -> QuerySet[Recording]:
    recordings = Recording.objects.select_related("voice__owner", "object")
    if person.roles & HEAR_RECORDINGS:
        return recordings
    return recordings.filter(voice__owner__account=person)


def get_owner(person: Person, pk: UUID | str) -> VoiceOwner:
    """Raises NotFoundError ``owner.unknown``."""
    return _get(owners_for(person), pk, "owner")


def get_voice(person: Person, pk: UUID | str) -> Voice:
    """Raises NotFoundError ``voice.unknown``."""
    return _get(voices_for(person), pk, "voice")


def get_consent(person: Person, pk: UUID | str) -> Consent:
    """Raises NotFoundError ``consent.unknown``."""
    return _get(consents_for(person), pk, "consent")


def get_recording(person: Person, pk: UUID | str) -> Recording:
    """Raises NotFoundError ``recording.unknown``."""
    return _get(recordings_for(person), pk, "recording")


@transaction.atomic
def open_voice(*, voice: Voice, person: Person, actor: Actor, now: datetime) -> None:
    """Let a person request speech in this voice. Opening it again changes nothing.

    Raises:
        NotAllowedError: ``access.role_missing``.
    """
    role = actor.require(Role.VOICE_STEWARD)
    _, is_new = VoiceUserPermission.objects.get_or_create(
        user=person, content_object=voice, permission=_permission()
    )
    if is_new:
        _record_access("voice.opened", voice, person, actor, role, now)


@transaction.atomic
def close_voice(*, voice: Voice, person: Person, actor: Actor, now: datetime) -> None:
    """Take that back. Raises as open_voice."""
    role = actor.require(Role.VOICE_STEWARD)
    given = VoiceUserPermission.objects.filter(user=person, content_object=voice, permission=_permission())
    if given.delete()[0]:
        _record_access("voice.closed", voice, person, actor, role, now)


def requesters_of(voice: Voice) -> QuerySet[Person]:
    """The people this voice was opened to in person."""
    given = VoiceUserPermission.objects.filter(content_object=voice, permission=_permission())
    return Person.objects.filter(pk__in=given.values("user")).order_by("full_name")


def _opened_to(person: Person) -> QuerySet[Voice]:
    """Ids of voices, by two index look-ups: joins of permission rows were measured at 40 times the cost."""
    user = VoiceUserPermission.objects.filter(user=person, permission__codename=REQUEST_SPEECH)
    group = VoiceGroupPermission.objects.filter(
        group__in=person.groups.all(), permission__codename=REQUEST_SPEECH
    )
    return Voice.objects.filter(
        Q(pk__in=user.values("content_object")) | Q(pk__in=group.values("content_object"))
    ).values("pk")


def _permission() -> Permission:
    return Permission.objects.get(content_type__app_label="consent", codename=REQUEST_SPEECH)


def _get(rows: QuerySet[M], pk: UUID | str, kind: str) -> M:
    try:
        return rows.get(pk=pk)
    except (rows.model.DoesNotExist, ValidationError):
        raise NotFoundError(
            f"{kind}.unknown", f"There is no such {kind}, or none that you may see.", "Check the address."
        ) from None


def _record_access(
    action: str, voice: Voice, person: Person, actor: Actor, role: Role, now: datetime
) -> None:
    record_event(
        action=action, actor=actor, role=role, subject=voice, payload={"person": str(person.pk)}, now=now
    )
