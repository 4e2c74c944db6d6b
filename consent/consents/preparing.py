"""Before the signature: drafts, offers and their links."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max

from audit.actors import Actor
from audit.errors import ConflictError
from audit.log import record_event
from audit.roles import Role
from consent.conf import offer_lifetime
from consent.consents.links import create_link, revoke_signing_links
from consent.errors import ConsentError
from consent.models import Consent, ConsentLink, Voice
from consent.owners import lock_voice, require_living
from consent.scope import Scope, rfc3339

Status = Consent.Status


def lock_consent(consent: Consent) -> Consent:
    """The consent as it is now, with its voice; voice and consent are locked, in this order."""
    voice = lock_voice(consent.voice)
    locked = Consent.objects.select_for_update().get(pk=consent.pk)
    locked.voice = voice
    return locked


def require_transition(consent: Consent, status: Consent.Status) -> None:
    """Raises ConflictError ``consent.is_<status>`` where Consent.TRANSITIONS has no such edge."""
    if status not in Consent.TRANSITIONS[consent.status]:
        raise wrong_status(consent, status)


def wrong_status(consent: Consent, wanted: Consent.Status) -> ConflictError:
    is_now = consent.get_status_display().lower()
    return ConflictError(
        f"consent.is_{consent.status}",
        f"This consent stands at “{is_now}” and cannot become “{wanted.label.lower()}”.",
        "Reload the page to see what can be done with it.",
    )


@transaction.atomic
def prepare_consent(*, voice: Voice, scope: Scope, actor: Actor, now: datetime) -> Consent:
    """Draft the next version of a voice's consent.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConsentError: ``consent.ends_in_the_past``.
        ConflictError: ``voice.is_destroyed``.
    """
    role = actor.require(Role.VOICE_STEWARD)
    voice = lock_voice(voice)
    require_living(voice)
    _require_future(scope, now)
    newest = voice.consents.aggregate(newest=Max("version"))["newest"] or 0
    consent = Consent.objects.create(
        voice=voice,
        version=newest + 1,
        scope_json=scope.to_json(),
        valid_from=scope.valid_from,
        valid_until=scope.valid_until,
        prepared_by=actor.person,
        created_at=now,
    )
    record_event(
        action="consent.prepared",
        actor=actor,
        role=role,
        subject=consent,
        payload={"voice": str(voice.pk), "version": consent.version},
        now=now,
    )
    return consent


@transaction.atomic
def revise_draft(*, consent: Consent, scope: Scope, actor: Actor, now: datetime) -> Consent:
    """Change the scope of a draft, or of a declined consent, which becomes a draft again.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConsentError: ``consent.ends_in_the_past``.
        ConflictError: ``consent.is_<status>``; call an offer back first, replace what is signed.
    """
    role = actor.require(Role.VOICE_STEWARD)
    consent = lock_consent(consent)
    if consent.status != Status.DRAFT:
        require_transition(consent, Status.DRAFT)
        if consent.status == Status.OFFERED:
            raise ConflictError(
                "consent.is_offered",
                "The owner may be reading this consent right now.",
                "Call the offer back, then change it.",
            )
    _require_future(scope, now)
    consent.status = Status.DRAFT
    consent.scope_json = scope.to_json()
    consent.valid_from, consent.valid_until = scope.valid_from, scope.valid_until
    consent.save(update_fields=["status", "scope_json", "valid_from", "valid_until"])
    record_event(action="consent.revised", actor=actor, role=role, subject=consent, payload={}, now=now)
    return consent


@transaction.atomic
def offer_consent(
    *, consent: Consent, actor: Actor, now: datetime, valid_for: timedelta | None = None
) -> str:
    """Make the link by which the owner reads and signs, and return its raw token: ``/c/<token>/``.

    Offering again makes a new link and revokes the earlier ones.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConsentError: ``consent.ends_in_the_past``.
        ConflictError: ``consent.is_<status>``, ``voice.is_destroyed``.
    """
    role = actor.require(Role.VOICE_STEWARD)
    consent = lock_consent(consent)
    if consent.status != Status.OFFERED:
        require_transition(consent, Status.OFFERED)
    require_living(consent.voice)
    _require_future(consent.scope, now)
    revoke_signing_links(consent, now)
    expires_at = now + (valid_for or offer_lifetime())
    token = create_link(consent, ConsentLink.Purpose.SIGN, expires_at, now)
    consent.status = Status.OFFERED
    consent.offered_at = now
    consent.save(update_fields=["status", "offered_at"])
    record_event(
        action="consent.offered",
        actor=actor,
        role=role,
        subject=consent,
        payload={"expires_at": rfc3339(expires_at)},
        now=now,
    )
    return token


@transaction.atomic
def recall_offer(*, consent: Consent, actor: Actor, now: datetime) -> Consent:
    """Revoke the owner's link and make the consent a draft again.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``consent.is_<status>``.
    """
    role = actor.require(Role.VOICE_STEWARD)
    consent = lock_consent(consent)
    if consent.status != Status.OFFERED:
        raise wrong_status(consent, Status.DRAFT)
    revoke_signing_links(consent, now)
    consent.status = Status.DRAFT
    consent.save(update_fields=["status"])
    record_event(action="consent.recalled", actor=actor, role=role, subject=consent, payload={}, now=now)
    return consent


def _require_future(scope: Scope, now: datetime) -> None:
    if scope.valid_until <= now:
        raise ConsentError(
            "consent.ends_in_the_past",
            "This consent would be over already.",
            "Choose a later end.",
        )
