"""Pausing a consent and ending it: suspension, withdrawal, expiry, and the receipt for it."""

from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.errors import NotAllowedError
from audit.log import record_event
from audit.roles import Role
from consent import vault
from consent.consents.links import revoke_signing_links
from consent.consents.preparing import lock_consent, require_transition, wrong_status
from consent.consents.records import receipt_record, seal_record
from consent.consents.signing import begin_consent
from consent.hooks import Consequence, run_end_hooks
from consent.models import Consent, Receipt, Recording, VaultObject, Voice
from consent.owners import move_voice, require_owner_or_steward

Status = Consent.Status
Purpose = VaultObject.Purpose


@transaction.atomic
def suspend_consent(*, consent: Consent, reason: str, actor: Actor, now: datetime) -> Consent:
    """Stop new use for the time being; nothing is destroyed.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``consent.is_<status>``.
    """
    consent = lock_consent(consent)
    role = require_owner_or_steward(consent.voice.owner, actor)
    require_transition(consent, Status.SUSPENDED)
    consent.status = Status.SUSPENDED
    consent.suspended_by = role
    consent.save(update_fields=["status", "suspended_by"])
    record_event(
        action="consent.suspended",
        actor=actor,
        role=role,
        subject=consent,
        payload={"digest": consent.digest},
        private={"reason": reason} if reason else None,
        now=now,
    )
    return consent


@transaction.atomic
def resume_consent(*, consent: Consent, actor: Actor, now: datetime) -> Consent:
    """Let a suspended consent hold again.

    Raises:
        NotAllowedError: ``access.role_missing``; ``consent.suspended_by_owner`` for a steward who would
            overrule the owner.
        ConflictError: ``consent.is_<status>``.
    """
    consent = lock_consent(consent)
    role = require_owner_or_steward(consent.voice.owner, actor)
    if consent.status != Status.SUSPENDED:
        raise wrong_status(consent, Status.ACTIVE)
    if consent.suspended_by == Role.VOICE_OWNER and role != Role.VOICE_OWNER:
        raise NotAllowedError(
            "consent.suspended_by_owner",
            "The owner suspended this consent.",
            "Only the owner can let it hold again.",
        )
    consent.status = Status.ACTIVE
    consent.suspended_by = ""
    consent.save(update_fields=["status", "suspended_by"])
    record_event(
        action="consent.resumed",
        actor=actor,
        role=role,
        subject=consent,
        payload={"digest": consent.digest},
        now=now,
    )
    return consent


@transaction.atomic
def withdraw_consent(*, consent: Consent, reason: str, actor: Actor, now: datetime) -> Consent:
    """End a consent at the owner's word, at once; ``consent.receipt`` then says what followed.

    In this one transaction higher apps stop their work, everything the scope names is destroyed, and a
    receipt is sealed. The voice's key is gone when this commits.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``consent.is_<status>``; a second time is ``consent.is_withdrawn``.
    """
    consent = lock_consent(consent)
    role = require_owner_or_steward(consent.voice.owner, actor)
    _end_consent(consent, Status.WITHDRAWN, reason=reason.strip(), actor=actor, role=role, now=now)
    return consent


def expire_consents(*, actor: Actor, now: datetime) -> int:
    """End what is over, then begin what is due. Returns how many consents changed.

    Each in a transaction of its own, so that one that fails holds up no other.
    """
    changed = 0
    over = Consent.objects.filter(
        status__in=(Status.SIGNED, *Consent.IN_FORCE), valid_until__lte=now
    ).order_by("valid_until")
    for consent in over.select_related("voice"):
        changed += _expire(consent, actor=actor, now=now)
    due = Consent.objects.filter(status=Status.SIGNED, valid_from__lte=now).order_by("valid_from", "version")
    for consent in due.select_related("voice"):
        changed += _begin(consent, actor=actor, now=now)
    return changed


@transaction.atomic
def _expire(consent: Consent, *, actor: Actor, now: datetime) -> bool:
    consent = lock_consent(consent)
    if Status.EXPIRED not in Consent.TRANSITIONS[consent.status]:
        return False
    _end_consent(consent, Status.EXPIRED, reason="", actor=actor, role=None, now=now)
    return True


@transaction.atomic
def _begin(consent: Consent, *, actor: Actor, now: datetime) -> bool:
    consent = lock_consent(consent)
    if consent.status != Status.SIGNED:
        return False
    begin_consent(consent, actor=actor, now=now)
    return True


def _end_consent(
    consent: Consent, status: Consent.Status, *, reason: str, actor: Actor, role: Role | None, now: datetime
) -> None:
    """End a consent that is locked with its voice."""
    require_transition(consent, status)
    consent.status = status
    consent.ended_at = now
    consent.end_reason = reason
    consent.save(update_fields=["status", "ended_at", "end_reason"])
    revoke_signing_links(consent, now)
    consequences = run_end_hooks(consent=consent, actor=actor, now=now)
    if not consent.voice.consents.filter(status__in=Consent.IN_FORCE).exists():
        consequences += _clear_voice(consent, actor=actor, now=now)
    consequences.append(
        Consequence("kept", "signed consent record", 1, "They prove what was agreed and that it ended.")
    )
    sealed = seal_record(
        receipt_record(consent, consequences=consequences, actor=actor, reason=reason, now=now)
    )
    Receipt.objects.create(
        consent=consent,
        record=sealed.payload,
        digest=sealed.digest,
        signature=sealed.signature,
        key_id=sealed.key_id,
        created_at=now,
    )
    record_event(
        action=f"consent.{status}",
        actor=actor,
        role=role,
        subject=consent,
        payload={
            "voice": str(consent.voice_id),
            "digest": consent.digest,
            "receipt": sealed.digest,
            "after_end": consent.scope.after_end,
        },
        private={"reason": reason} if reason else None,
        now=now,
    )


def _clear_voice(consent: Consent, *, actor: Actor, now: datetime) -> list[Consequence]:
    """Destroy what the scope says is destroyed at the end, and say so.

    A newer consent that is signed already and only waits for its first day carries the voice on when the
    old one runs out; a withdrawal ends that one, too.
    """
    voice = consent.voice
    lines = []
    waiting = voice.consents.select_for_update().filter(status=Status.SIGNED)
    if consent.status == Status.EXPIRED and waiting.exists():
        return [Consequence("kept", "recordings and voice model", 1, "A newer signed consent follows.")]
    for other in waiting:
        other.status = Status.WITHDRAWN
        other.ended_at = now
        other.end_reason = consent.end_reason
        other.save(update_fields=["status", "ended_at", "end_reason"])
        record_event(
            action="consent.withdrawn",
            actor=actor,
            subject=other,
            payload={"voice": str(voice.pk), "digest": other.digest, "with": str(consent.pk)},
            now=now,
        )
        lines.append(Consequence("stopped", "newer consents", 1, "Signed, and not begun."))
    voice.recordings.filter(status__in=(Recording.Status.CHECKING, Recording.Status.ACCEPTED)).update(
        status=Recording.Status.REMOVED, transcript=""
    )
    if consent.scope.after_end == "destroy":
        counts = vault.destroy_voice_key(voice=voice, actor=actor, now=now)
        move_voice(voice, Voice.Status.DESTROYED)
        kept = 0
    else:
        live = voice.vault_objects.filter(destroyed_at=None)
        doomed = live.filter(purpose__in=(Purpose.RECORDING, Purpose.MODEL))
        counts = vault.destroy_objects(doomed, now)
        kept = live.filter(purpose=Purpose.RENDER).count()
        if voice.status in (Voice.Status.READY, Voice.Status.ENROLLING):
            move_voice(voice, Voice.Status.NONE)
    lines += [
        Consequence("destroyed", f"{Purpose(purpose).label.lower()}s", count)
        for purpose, count in sorted(counts.items())
    ]
    if kept:
        lines.append(Consequence("kept", "clips", kept, "The consent lets clips made before be kept."))
    return lines
