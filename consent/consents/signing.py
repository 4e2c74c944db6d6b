"""The owner's answer: sign or decline; and beginning a consent whose time has come."""

import unicodedata
import zoneinfo
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from django.db import transaction

from audit.actors import Actor
from audit.errors import ConflictError
from audit.log import record_event
from consent.consents.links import use_link
from consent.consents.preparing import lock_consent, require_transition
from consent.consents.records import AGREEMENTS, consent_record, seal_record
from consent.errors import ConsentError
from consent.models import Consent, ConsentLink, Recording, Voice, VoiceOwner
from consent.owners import require_living, require_owner
from consent.tasks import write_consent_document

Status = Consent.Status
MAX_EVIDENCE_CHARACTERS = 400


@transaction.atomic
def sign_consent(
    *,
    link: ConsentLink,
    typed_name: str,
    agreements: set[str],
    evidence: Mapping[str, str],
    actor: Actor,
    now: datetime,
) -> Consent:
    """Sign and seal what the link offers. It is active from now, or signed until its first day has come.

    The earlier consent of the voice is superseded when this one begins. ``evidence`` holds the signer's
    ``address``, ``agent`` and ``time_zone``. The document for the person is written after the commit.

    Raises:
        NotAllowedError: ``consent.not_the_owner``.
        LinkError: ``link.used`` (also for the second of two at once), ``link.expired``, ``link.revoked``,
            ``link.wrong_purpose``.
        ConsentError: ``consent.name_mismatch``, ``consent.agreement_missing``, ``consent.no_recordings``,
            ``consent.ends_in_the_past``.
        ConflictError: ``consent.is_<status>``, ``voice.is_destroyed``.
    """
    consent = lock_consent(link.consent)
    owner = consent.voice.owner
    role = require_owner(owner, actor)
    use_link(link, now)
    require_transition(consent, Status.SIGNED)
    require_living(consent.voice)
    typed_name = _require_name(owner, typed_name)
    _require_agreements(agreements)
    if consent.valid_until <= now:
        raise ConsentError(
            "consent.ends_in_the_past", "The time this consent is about is over.", "Ask for a new offer."
        )
    recordings = list(consent.voice.recordings.filter(status=Recording.Status.ACCEPTED))
    if not recordings:
        raise ConsentError(
            "consent.no_recordings",
            "There is no accepted recording that this consent could be about.",
            "Add recordings first, and wait until they are checked.",
        )
    earlier = consent.voice.consents.filter(status__in=Consent.IN_FORCE).first()
    sealed = seal_record(
        consent_record(
            consent,
            typed_name=typed_name,
            evidence=_clean_evidence(evidence, owner),
            recordings=recordings,
            supersedes=earlier,
            now=now,
        )
    )
    consent.status = Status.SIGNED
    consent.signed_at = now
    consent.supersedes = earlier
    consent.record, consent.digest = sealed.payload, sealed.digest
    consent.signature, consent.key_id = sealed.signature, sealed.key_id
    consent.save(
        update_fields=["status", "signed_at", "supersedes", "record", "digest", "signature", "key_id"]
    )
    record_event(
        action="consent.signed",
        actor=actor,
        role=role,
        subject=consent,
        payload={
            "voice": str(consent.voice_id),
            "version": consent.version,
            "digest": sealed.digest,
            "key_id": sealed.key_id,
            "recordings": [each.sha256 for each in recordings],
        },
        now=now,
    )
    if consent.valid_from <= now:
        begin_consent(consent, actor=actor, now=now)
    transaction.on_commit(partial(write_consent_document.delay, str(consent.pk)))
    return consent


@transaction.atomic
def decline_consent(*, link: ConsentLink, reason: str, actor: Actor, now: datetime) -> Consent:
    """Say no, with a reason or without.

    Raises:
        NotAllowedError: ``consent.not_the_owner``.
        LinkError: ``link.…`` as for signing.
        ConflictError: ``consent.is_<status>``.
    """
    consent = lock_consent(link.consent)
    role = require_owner(consent.voice.owner, actor)
    use_link(link, now)
    require_transition(consent, Status.DECLINED)
    consent.status = Status.DECLINED
    consent.end_reason = reason.strip()
    consent.save(update_fields=["status", "end_reason"])
    record_event(
        action="consent.declined",
        actor=actor,
        role=role,
        subject=consent,
        payload={"reason_given": bool(consent.end_reason)},
        private={"reason": consent.end_reason} if consent.end_reason else None,
        now=now,
    )
    return consent


def begin_consent(consent: Consent, *, actor: Actor, now: datetime) -> None:
    """Put a signed consent, locked with its voice, in force in place of the earlier one."""
    for earlier in consent.voice.consents.select_for_update().filter(status__in=Consent.IN_FORCE):
        require_transition(earlier, Status.SUPERSEDED)
        earlier.status = Status.SUPERSEDED
        earlier.ended_at = now
        earlier.save(update_fields=["status", "ended_at"])
        record_event(
            action="consent.superseded",
            actor=actor,
            subject=earlier,
            payload={"by": str(consent.pk), "digest": earlier.digest},
            now=now,
        )
    require_transition(consent, Status.ACTIVE)
    consent.status = Status.ACTIVE
    consent.save(update_fields=["status"])
    record_event(
        action="consent.activated",
        actor=actor,
        subject=consent,
        payload={"digest": consent.digest},
        now=now,
    )


def active_consent(voice: Voice, now: datetime) -> Consent:
    """The consent that `voice` may be used under at this moment.

    Raises:
        ConflictError: ``consent.suspended``, ``consent.none_active``.
    """
    consent = (
        Consent.objects.select_related("voice__owner")
        .filter(voice_id=voice.pk, status__in=Consent.IN_FORCE, valid_from__lte=now, valid_until__gt=now)
        .first()
    )
    if consent is None:
        raise ConflictError(
            "consent.none_active",
            "No consent of this voice's owner is in force.",
            "Ask a voice steward to prepare one.",
        )
    if consent.status == Status.SUSPENDED:
        raise ConflictError(
            "consent.suspended", "The consent is suspended for now.", "Ask a voice steward when it resumes."
        )
    return consent


def _require_name(owner: VoiceOwner, typed_name: str) -> str:
    typed_name = " ".join(typed_name.split())
    if _fold(typed_name) != _fold(owner.full_name):
        raise ConsentError(
            "consent.name_mismatch",
            "The name typed is not the name this consent is made out to.",
            f"Type your name as it stands above: {owner.full_name}.",
        )
    return typed_name


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _require_agreements(agreements: set[str]) -> None:
    if missing := [text for code, text in AGREEMENTS.items() if code not in agreements]:
        raise ConsentError(
            "consent.agreement_missing",
            f"One box is still open: {missing[0]}" if len(missing) == 1 else "Some boxes are still open.",
            "Tick each box that you agree to, or decline.",
        )


def _clean_evidence(evidence: Mapping[str, str], owner: VoiceOwner) -> dict[str, str]:
    """What the browser said about itself, cut to size; the owner's zone where it names none that exists."""
    zone = evidence.get("time_zone", "")
    return {
        "address": evidence.get("address", "")[:MAX_EVIDENCE_CHARACTERS],
        "agent": evidence.get("agent", "")[:MAX_EVIDENCE_CHARACTERS],
        "time_zone": zone if zone in zoneinfo.available_timezones() else owner.time_zone,
    }
