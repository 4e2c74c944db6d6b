"""Proving, from the database and with public keys alone, that a piece of work is permitted right now.

In this order, before anything is unlocked, and for a clip once more at its release:

1. The grant's bytes are read anew, and it was not revoked.
2. The consent of the request is the one in force for the voice: active and in date.
3. The consent's own signature holds and its row says what was signed.
4. The grant holds for exactly this work: the numbered steps of `synthesis.grants.verification`.
5. Nothing is frozen.
6. The request still fits the scope, and seconds are left.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from audit.keys import keyring
from consent.consents import active_consent, consented_recordings
from consent.models import Consent, Recording, Voice
from consent.scope import Scope
from synthesis.errors import GrantError, RefusedError
from synthesis.freezes import require_unfrozen
from synthesis.grants import GrantKind, GrantTerms, Intent, verify_grant
from synthesis.models import Grant, Render, ScriptLine, SpeechRequest, VoiceModel
from synthesis.requests.checking import require_scope, sealed_scope
from synthesis.requests.script import estimate_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakPermit:
    """What a worker may speak, with which model."""

    terms: GrantTerms
    voice: Voice
    text: str
    language: str
    purpose: str
    model: VoiceModel
    consent: Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolPermit:
    """Which recordings a worker may learn the voice from."""

    terms: GrantTerms
    voice: Voice
    recordings: tuple[Recording, ...]
    scope: Scope


def permit_to_speak(render: Render, *, voice_seconds: float | None = None, now: datetime) -> SpeakPermit:
    """Everything needed to speak the line of ``render``, once each step has passed.

    ``voice_seconds`` is how long the line turned out, for the check at release; before, it is estimated.

    Raises:
        VivaVoceError: whatever step fails first; its code says which.
    """
    request = SpeechRequest.objects.select_related("voice").get(pk=render.request_id)
    line = ScriptLine.objects.get(pk=render.line_id)
    grant = _standing_grant(render.grant_id)
    consent = _consent_in_force(request.voice, request.consent_id, now)
    sealed_scope(consent)
    model = _ready_model(request.voice, grant.engine)
    terms = _verify(
        grant,
        Intent(
            grant_id=str(grant.pk),
            kind=GrantKind.RENDER,
            voice_id=str(request.voice_id),
            consent_id=str(consent.pk),
            consent_digest=consent.digest,
            engine=model.engine,
            request_id=str(request.pk),
            position=line.position,
            text=line.text,
            media=render.media,
        ),
        now,
    )
    require_unfrozen(request.voice)
    require_scope(request, text=line.text, consent=consent, now=now)
    seconds = estimate_seconds([line.text]) if voice_seconds is None else voice_seconds
    _require_seconds_left(request, terms, seconds)
    return SpeakPermit(
        terms=terms,
        voice=request.voice,
        text=line.text,
        language=request.language,
        purpose=request.purpose,
        model=model,
        consent=consent,
    )


def permit_to_enrol(model: VoiceModel, *, now: datetime) -> EnrolPermit:
    """The recordings that ``model`` may be learned from, once each step has passed.

    Raises as permit_to_speak.
    """
    voice = Voice.objects.get(pk=model.voice_id)
    grant = _standing_grant(model.grant_id)
    consent = _consent_in_force(voice, grant.consent_id, now)
    scope = sealed_scope(consent)
    recordings = tuple(
        recording
        for recording in consented_recordings(consent)
        if recording.sha256 in model.recording_digests
    )
    terms = _verify(
        grant,
        Intent(
            grant_id=str(grant.pk),
            kind=GrantKind.ENROL,
            voice_id=str(voice.pk),
            consent_id=str(consent.pk),
            consent_digest=consent.digest,
            engine=model.engine,
            recordings=tuple(recording.sha256 for recording in recordings),
        ),
        now,
    )
    require_unfrozen(voice)
    return EnrolPermit(terms=terms, voice=voice, recordings=recordings, scope=scope)


def _standing_grant(grant_id: object) -> Grant:
    grant = Grant.objects.filter(pk=grant_id).first()
    if grant is None:
        raise GrantError("grant.missing", "There is no grant for this work.", "Submit the request again.")
    if grant.revoked_at is not None:
        raise GrantError("grant.revoked", "The grant was taken back.", "Ask the voice steward why.")
    return grant


def _consent_in_force(voice: Voice, consent_id: object, now: datetime) -> Consent:
    consent = active_consent(voice, now)
    if consent.pk != consent_id:
        raise RefusedError(
            "consent.replaced",
            "Another consent is in force than the one this was approved under.",
            "Submit the request again under the new consent.",
        )
    return consent


def _ready_model(voice: Voice, engine: str) -> VoiceModel:
    model = (
        VoiceModel.objects.select_related("object")
        .filter(voice=voice, engine=engine, status=VoiceModel.Status.READY, object__voice=voice)
        .first()
    )
    if model is None:
        raise RefusedError(
            "voice.not_ready",
            f"The engine {engine} has no model of this voice.",
            "Have the voice steward enrol the voice.",
        )
    return model


def _verify(grant: Grant, intent: Intent, now: datetime) -> GrantTerms:
    return verify_grant(
        payload=bytes(grant.record),
        signature=bytes(grant.signature),
        public_key=keyring().public_key(grant.key_id),
        intent=intent,
        now=now,
    )


def _require_seconds_left(request: SpeechRequest, terms: GrantTerms, seconds: float) -> None:
    released = request.renders.filter(grant=terms.id, ready_at__isnull=False)
    spoken: float = released.aggregate(sum=Sum("voice_seconds", default=0.0))["sum"]
    if spoken + seconds > terms.max_seconds:
        raise GrantError(
            "grant.seconds_used_up",
            f"The grant permits {terms.max_seconds} s of speech; {spoken:.0f} s are spoken already.",
            "Submit the remaining lines as a new request.",
        )
