"""Minting grants and taking them back. Only here is the private grant key used."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from audit.actors import Actor
from audit.keys import keyring
from audit.log import record_event
from consent.models import Consent, Recording, Voice
from consent.scope import Scope
from synthesis.grants import GrantedLine, GrantKind, GrantTerms
from synthesis.models import Decision, Grant, ScriptLine, SpeechRequest

RENDER_LIFETIME = timedelta(hours=12)
ENROL_LIFETIME = timedelta(hours=4)
MEDIA = "audio/flac"


def mint_render_grant(
    *,
    request: SpeechRequest,
    lines: Sequence[ScriptLine],
    decisions: Iterable[Decision],
    consent: Consent,
    scope: Scope,
    actor: Actor,
    now: datetime,
) -> Grant:
    """The permit to speak exactly these lines. Called with the request locked and every decision verified."""
    return _mint(
        GrantTerms(
            id=str(uuid.uuid4()),
            kind=GrantKind.RENDER,
            voice_id=str(request.voice_id),
            consent_id=str(consent.pk),
            consent_digest=consent.digest,
            request_id=str(request.pk),
            request_digest=request.digest,
            decisions=tuple(decision.digest for decision in decisions),
            engine=settings.DEFAULT_ENGINE,
            language=request.language,
            lines=tuple(GrantedLine(line.position, line.sha256) for line in lines),
            recordings=(),
            formats=(MEDIA,),
            watermark=True,
            disclosure=scope.disclosure,
            max_seconds=scope.max_seconds_per_request,
            not_before=now,
            expires_at=min(now + RENDER_LIFETIME, scope.valid_until),
        ),
        request=request,
        actor=actor,
        now=now,
    )


def mint_enrol_grant(
    *,
    voice: Voice,
    consent: Consent,
    scope: Scope,
    recordings: Iterable[Recording],
    engine: str,
    actor: Actor,
    now: datetime,
) -> Grant:
    """The permit to learn the voice from exactly these recordings. Called with voice and consent locked."""
    return _mint(
        GrantTerms(
            id=str(uuid.uuid4()),
            kind=GrantKind.ENROL,
            voice_id=str(voice.pk),
            consent_id=str(consent.pk),
            consent_digest=consent.digest,
            request_id=None,
            request_digest=None,
            decisions=(),
            engine=engine,
            language=voice.language,
            lines=(),
            recordings=tuple(recording.sha256 for recording in recordings),
            formats=(),
            watermark=True,
            disclosure=scope.disclosure,
            max_seconds=0,
            not_before=now,
            expires_at=min(now + ENROL_LIFETIME, scope.valid_until),
        ),
        request=None,
        actor=actor,
        now=now,
    )


def revoke_grants(*, grants: Iterable[Grant], code: str, actor: Actor, now: datetime) -> None:
    """Take back what is still standing of ``grants``; ``code`` says why. Workers look before every line."""
    assert connection.in_atomic_block, "revoke grants together with what makes them void"
    for grant in grants:
        if Grant.objects.filter(pk=grant.pk, revoked_at=None).update(revoked_at=now):
            record_event(
                action="grant.revoked",
                actor=actor,
                subject=grant,
                payload={"code": code, "request": str(grant.request_id) if grant.request_id else None},
                now=now,
            )


def _mint(terms: GrantTerms, *, request: SpeechRequest | None, actor: Actor, now: datetime) -> Grant:
    signed = keyring().sign_record("grant", terms.to_record())
    grant = Grant.objects.create(
        id=uuid.UUID(terms.id),
        kind=terms.kind.value,
        request=request,
        voice_id=uuid.UUID(terms.voice_id),
        consent_id=uuid.UUID(terms.consent_id),
        engine=terms.engine,
        record=signed.payload,
        digest=signed.digest,
        signature=signed.signature,
        key_id=signed.key_id,
        not_before=terms.not_before,
        expires_at=terms.expires_at,
    )
    record_event(
        action="grant.minted",
        actor=actor,
        subject=grant,
        payload={
            "kind": terms.kind.value,
            "digest": signed.digest,
            "key": signed.key_id,
            "voice": terms.voice_id,
            "consent": terms.consent_id,
            "consent_digest": terms.consent_digest,
            "request": terms.request_id,
            "request_digest": terms.request_digest,
            "lines": len(terms.lines),
            "recordings": len(terms.recordings),
        },
        now=now,
    )
    return grant
