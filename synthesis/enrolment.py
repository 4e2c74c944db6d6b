"""Learning a voice: from the owner's consented recordings by an engine, or by importing a finished model."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from audit.actors import Actor, ActorKind
from audit.errors import ConflictError
from audit.log import record_event
from audit.roles import Role
from consent import vault
from consent.consents import active_consent, consented_recordings
from consent.models import Consent, VaultObject, Voice
from consent.owners import lock_voice, move_voice, require_living
from synthesis.errors import SynthesisError
from synthesis.freezes import require_unfrozen
from synthesis.granting import mint_enrol_grant
from synthesis.models import VoiceModel
from synthesis.requests.checking import sealed_scope
from synthesis.worker.outcomes import renders_of, retire_models
from synthesis.worker.queue import hand_out_models, hand_out_renders


@transaction.atomic
def start_enrolment(*, voice: Voice, actor: Actor, now: datetime) -> VoiceModel:
    """Have the default engine learn the voice, anew where it knows it already.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``enrolment.running``, ``consent.none_active``, ``consent.suspended``.
        SynthesisError: ``enrolment.no_recordings``, ``voice.frozen``, ``voice.all_frozen``.
    """
    actor.require(Role.VOICE_STEWARD)
    if model_in_the_making(voice, settings.DEFAULT_ENGINE):
        raise ConflictError(
            "enrolment.running", "This voice is being learned already.", "Wait until that has finished."
        )
    return ensure_enrolment(voice=voice, engine=settings.DEFAULT_ENGINE, actor=actor, now=now)


@transaction.atomic
def ensure_enrolment(*, voice: Voice, engine: str, actor: Actor, now: datetime) -> VoiceModel:
    """The model in the making, or a new one under a grant of its own.

    Raises:
        ConflictError: ``consent.none_active``, ``consent.suspended``.
        SynthesisError: ``enrolment.no_recordings``, ``voice.frozen``, ``voice.all_frozen``.
    """
    voice = lock_voice(voice)
    if running := model_in_the_making(voice, engine):
        return running
    require_unfrozen(voice)
    consent = _lock_active_consent(voice, now)
    recordings = consented_recordings(consent)
    if not recordings:
        raise SynthesisError(
            "enrolment.no_recordings",
            "None of the recordings that the consent names is there.",
            "Add recordings and have a new consent signed that names them.",
        )
    grant = mint_enrol_grant(
        voice=voice,
        consent=consent,
        scope=sealed_scope(consent),
        recordings=recordings,
        engine=engine,
        actor=actor,
        now=now,
    )
    model = VoiceModel.objects.create(
        voice=voice,
        engine=engine,
        grant=grant,
        recording_digests=[recording.sha256 for recording in recordings],
        created_at=now,
    )
    move_voice(voice, Voice.Status.ENROLLING)
    record_event(
        action="voice.enrolling",
        actor=actor,
        subject=voice,
        payload={
            "model": str(model.pk),
            "engine": engine,
            "grant": grant.digest,
            "recordings": len(recordings),
        },
        now=now,
    )
    hand_out_models(VoiceModel.objects.filter(pk=model.pk))
    return model


@transaction.atomic
def import_voice_model(
    *,
    voice: Voice,
    data: bytes,
    engine: str,
    engine_version: str = "",
    metrics: dict[str, Any] | None = None,
    actor: Actor,
    now: datetime,
) -> VoiceModel:
    """Keep a model that was learned elsewhere from the recordings that the consent names.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``enrolment.running``, ``consent.none_active``, ``consent.suspended``.
        SynthesisError: ``voice.frozen``, ``voice.all_frozen``.
    """
    if actor.kind is not ActorKind.SYSTEM:
        actor.require(Role.VOICE_STEWARD)
    voice = lock_voice(voice)
    require_living(voice)
    require_unfrozen(voice)
    consent = _lock_active_consent(voice, now)
    if model_in_the_making(voice, engine):
        raise ConflictError(
            "enrolment.running", "This voice is being learned already.", "Wait until that has finished."
        )
    obj = vault.store_object(voice=voice, purpose=VaultObject.Purpose.MODEL, data=data, now=now)
    retire_models(voice=voice, engine=engine, now=now)
    model = VoiceModel.objects.create(
        voice=voice,
        engine=engine,
        engine_version=engine_version,
        status=VoiceModel.Status.READY,
        object=obj,
        recording_digests=[recording.sha256 for recording in consented_recordings(consent)],
        progress=1.0,
        metrics=metrics or {},
        created_at=now,
        ready_at=now,
    )
    if voice.status != Voice.Status.READY:
        voice.status = Voice.Status.READY
        voice.save(update_fields=["status"])
    record_event(
        action="voice.enrolled",
        actor=actor,
        subject=voice,
        payload={
            "model": str(model.pk),
            "engine": engine,
            "version": engine_version,
            "sha256": obj.sha256,
            "imported": True,
        },
        now=now,
    )
    hand_out_renders(renders_of(voice, engine))
    return model


def model_in_the_making(voice: Voice, engine: str) -> VoiceModel | None:
    return VoiceModel.objects.filter(voice=voice, engine=engine, status__in=VoiceModel.UNFINISHED).first()


def ready_model(voice: Voice, engine: str) -> VoiceModel | None:
    return VoiceModel.objects.filter(voice=voice, engine=engine, status=VoiceModel.Status.READY).first()


def _lock_active_consent(voice: Voice, now: datetime) -> Consent:
    consent = active_consent(voice, now)
    return Consent.objects.select_for_update(no_key=True).get(pk=consent.pk)
