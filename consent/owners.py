"""Voice owners and their voices."""

import zoneinfo
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from audit.actors import Actor, ActorKind
from audit.errors import ConflictError, NotAllowedError
from audit.log import record_event
from audit.models import Person
from audit.roles import Role
from consent.errors import ConsentError
from consent.models import Voice, VoiceOwner
from consent.vocabulary import COUNTRIES, LANGUAGES


@transaction.atomic
def create_owner(
    *, full_name: str, email: str, country: str, time_zone: str, language: str, actor: Actor, now: datetime
) -> VoiceOwner:
    """Register a person whose voice may come to be used, with a first voice named after them.

    Raises:
        NotAllowedError: ``access.role_missing``; stewards create owners.
        ConsentError: ``owner.name_missing``, ``owner.email_invalid``, ``owner.country_unknown``,
            ``owner.language_unknown``, ``owner.time_zone_unknown``.
    """
    role = actor.require(Role.VOICE_STEWARD)
    full_name, email = " ".join(full_name.split()), email.strip().lower()
    if not full_name:
        raise ConsentError("owner.name_missing", "An owner needs a name.", "Give the full name.")
    try:
        validate_email(email)
    except ValidationError:
        raise ConsentError(
            "owner.email_invalid", f"{email!r} is not an e-mail address.", "Check the spelling."
        ) from None
    _require_known("country", country, COUNTRIES)
    _require_known("language", language, LANGUAGES)
    _require_known("time_zone", time_zone, zoneinfo.available_timezones())
    owner = VoiceOwner.objects.create(
        full_name=full_name,
        email=email,
        country=country,
        time_zone=time_zone,
        language=language,
        created_at=now,
    )
    voice = Voice.objects.create(owner=owner, label=full_name, language=language, created_at=now)
    record_event(
        action="owner.created",
        actor=actor,
        role=role,
        subject=owner,
        payload={"voice": str(voice.pk), "country": country, "language": language},
        private={"full_name": full_name, "email": email},
        now=now,
    )
    return owner


@transaction.atomic
def link_account(*, owner: VoiceOwner, person: Person, actor: Actor, now: datetime) -> VoiceOwner:
    """Let an owner sign in by an account of their own. Doing it again changes nothing.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConsentError: ``owner.account_role_missing``.
        ConflictError: ``owner.account_taken``.
    """
    role = actor.require(Role.VOICE_STEWARD)
    owner = VoiceOwner.objects.select_for_update().get(pk=owner.pk)
    if owner.account_id == person.pk:
        return owner
    if Role.VOICE_OWNER not in person.roles:
        raise ConsentError(
            "owner.account_role_missing",
            f"{person.full_name} does not hold the role of voice owner.",
            "Ask an administrator to give it.",
        )
    if owner.account_id or VoiceOwner.objects.filter(account=person).exists():
        raise ConflictError(
            "owner.account_taken",
            "The owner has another account, or the account belongs to another owner.",
            "Check whom you mean.",
        )
    owner.account = person
    owner.save(update_fields=["account"])
    record_event(
        action="owner.account_linked",
        actor=actor,
        role=role,
        subject=owner,
        payload={"person": str(person.pk)},
        now=now,
    )
    return owner


def lock_voice(voice: Voice) -> Voice:
    """The voice as it is now, locked until the transaction ends. Always the first lock taken."""
    return Voice.objects.select_for_update().select_related("owner").get(pk=voice.pk)


def move_voice(voice: Voice, status: Voice.Status) -> None:
    """Change a locked voice's status along Voice.TRANSITIONS; the caller records the event that tells why.

    Raises:
        ConflictError: ``voice.is_<status>``.
    """
    if status not in Voice.TRANSITIONS[voice.status]:
        raise ConflictError(
            f"voice.is_{voice.status}",
            f"The voice is {voice.get_status_display().lower()} and cannot become {status.label.lower()}.",
            "Reload the page to see where it stands.",
        )
    voice.status = status
    voice.save(update_fields=["status"])


def require_living(voice: Voice) -> None:
    """Raises ConflictError ``voice.is_destroyed``."""
    if voice.status == Voice.Status.DESTROYED:
        raise ConflictError(
            "voice.is_destroyed",
            "This voice was destroyed when its consent ended.",
            "Create a new owner entry to begin again from new recordings.",
        )


def is_owner(owner: VoiceOwner, actor: Actor) -> bool:
    """Whether the actor is this owner, come by link or signed in."""
    if Role.VOICE_OWNER not in actor.roles:
        return False
    if actor.kind is ActorKind.LINK:
        return actor.id == str(owner.pk)
    return actor.person is not None and owner.account_id == actor.person.pk


def require_owner(owner: VoiceOwner, actor: Actor) -> Role:
    """Raises NotAllowedError ``consent.not_the_owner``."""
    if not is_owner(owner, actor):
        raise NotAllowedError(
            "consent.not_the_owner",
            "Only the owner of the voice can do this.",
            "Send the owner a link; nobody can sign for them.",
        )
    return Role.VOICE_OWNER


def require_owner_or_steward(owner: VoiceOwner, actor: Actor) -> Role:
    """The role acted in. Raises NotAllowedError ``access.role_missing``."""
    return Role.VOICE_OWNER if is_owner(owner, actor) else actor.require(Role.VOICE_STEWARD)


def _require_known(field: str, value: str, known: object) -> None:
    if value not in known:  # type: ignore[operator]
        name = field.replace("_", " ")
        raise ConsentError(
            f"owner.{field}_unknown", f"There is no {name} {value!r} here.", f"Choose a {name} from the list."
        )
