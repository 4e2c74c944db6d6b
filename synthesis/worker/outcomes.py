"""How work ends: a clip is released, refused or failed, a voice is learned or not. Each in one transaction.

Everything here writes only while the caller's claim stands (see `claims`), so that of two workers that speak
the same line one releases it and the other leaves no trace.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit.actors import Actor
from audit.errors import VivaVoceError
from audit.log import record_event
from consent import vault
from consent.models import Consent, VaultObject, Voice
from consent.owners import lock_voice, move_voice
from synthesis.errors import GrantError, LeaseLostError, SynthesisError
from synthesis.models import Render, SpeechRequest, VoiceModel
from synthesis.worker.claims import claim, held, require_held
from synthesis.worker.permits import permit_to_enrol, permit_to_speak
from synthesis.worker.queue import hand_out_renders

Status = SpeechRequest.Status
MAX_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A finished clip. ``seconds`` is its whole length, ``voice_seconds`` the part in the owner's voice."""

    data: bytes
    seconds: float
    voice_seconds: float
    measurements: dict[str, Any]


@transaction.atomic
def begin_render(*, render_id: str, worker: str, actor: Actor, now: datetime) -> Render | None:
    """Claim a waiting line, or None where there is nothing to do: the task came twice, or too late."""
    rows = Render.objects.select_related("line", "grant").filter(pk=render_id)
    render = claim(rows, to=Render.Status.SPEAKING, worker=worker, now=now)
    if render is None:
        return None
    SpeechRequest.objects.filter(pk=render.request_id, status=Status.APPROVED).update(status=Status.RENDERING)
    record_event(
        action="render.started",
        actor=actor,
        subject=render,
        payload={
            "request": str(render.request_id),
            "attempt": render.attempts,
            "line": render.line.sha256,
            "grant": render.grant.digest,
        },
        now=now,
    )
    return render


@transaction.atomic
def release_clip(*, render: Render, clip: Clip, actor: Actor, now: datetime) -> None:
    """Encrypt the clip and release it, once everything that permitted it is found to hold still.

    Raises:
        LeaseLostError: the claim no longer stands; nothing was released.
        VivaVoceError: the permission no longer holds.
    """
    request = _lock_request(render.request_id)
    permit = permit_to_speak(render, voice_seconds=clip.voice_seconds, now=now)
    obj = vault.store_object(voice=permit.voice, purpose=VaultObject.Purpose.RENDER, data=clip.data, now=now)
    require_held(
        held(render)
        .filter(status=Render.Status.CHECKING)
        .update(
            status=Render.Status.READY,
            object=obj,
            sha256=obj.sha256,
            seconds=clip.seconds,
            voice_seconds=clip.voice_seconds,
            measurements=clip.measurements,
            ready_at=now,
        )
    )
    record_event(
        action="render.ready",
        actor=actor,
        subject=render,
        payload={
            "request": str(request.pk),
            "line": render.line.sha256,
            "grant": render.grant.digest,
            "clip": obj.sha256,
            "watermark_id": render.watermark_id,
            "seconds": clip.seconds,
            "measurements": clip.measurements,
        },
        now=now,
    )
    settle_request(request, actor=actor, now=now)


@transaction.atomic
def refuse_render(*, render: Render, error: VivaVoceError, actor: Actor, now: datetime) -> None:
    """The line may not be spoken. Raises LeaseLostError where the claim no longer stands."""
    request = _lock_request(render.request_id)
    if isinstance(error, GrantError):
        record_event(
            action="grant.refused",
            actor=actor,
            subject=render.grant,
            payload={"code": error.code, "request": str(render.request_id), "render": str(render.pk)},
            now=now,
        )
    _end_render(render, Render.Status.REFUSED, error, "render.refused", actor, now)
    settle_request(request, actor=actor, now=now)


@transaction.atomic
def fail_render(*, render: Render, error: VivaVoceError, actor: Actor, now: datetime) -> None:
    """The line could not be spoken well enough. Raises LeaseLostError where the claim no longer stands."""
    request = _lock_request(render.request_id)
    _end_render(render, Render.Status.FAILED, error, "render.failed", actor, now)
    settle_request(request, actor=actor, now=now)


def give_back(*, row: Render | VoiceModel, actor: Actor, now: datetime) -> None:
    """Let a held row wait for another worker, or end it where MAX_ATTEMPTS workers have stopped over it.

    Nothing happens where the claim no longer stands: the holder was alive after all, or the work was
    withdrawn.
    """
    if row.attempts < MAX_ATTEMPTS:
        held(row).update(status="queued", heartbeat_at=None, dispatched_at=None)
        return
    error = SynthesisError(
        "worker.attempts_used_up",
        f"{row.attempts} workers stopped in the middle of this.",
        "Ask an administrator to look at the workers' logs, then submit the request again.",
    )
    with contextlib.suppress(LeaseLostError):
        if isinstance(row, Render):
            fail_render(render=row, error=error, actor=actor, now=now)
        else:
            fail_enrolment(model=row, error=error, actor=actor, now=now)


@transaction.atomic
def fail_waiting(*, renders: QuerySet[Render], error: VivaVoceError, actor: Actor, now: datetime) -> None:
    """Fail lines that wait for something that will not come. Called with the voice locked."""
    waiting = renders.filter(status=Render.Status.QUEUED)
    for request_id in waiting.order_by("request").values_list("request", flat=True).distinct():
        request = SpeechRequest.objects.select_for_update(no_key=True).get(pk=request_id)
        lines = waiting.filter(request=request).select_related("line")
        for render in lines.select_for_update(no_key=True, of=("self",)):
            render.status = Render.Status.FAILED
            render.failure_code, render.failure_message = error.code, error.message
            render.save(update_fields=["status", "failure_code", "failure_message"])
            _record_end("render.failed", render, error, actor, now)
        settle_request(request, actor=actor, now=now)


def settle_request(request: SpeechRequest, *, actor: Actor, now: datetime) -> None:
    """Close a locked request whose last line has ended: ready where each line has its clip, else failed."""
    if request.status not in SpeechRequest.PERMITTED:
        return
    if request.renders.filter(status__in=Render.UNFINISHED).exists():
        return
    ready = request.renders.filter(status=Render.Status.READY).count()
    complete = ready == request.lines.count()
    if not complete:
        request.outcome_code = request.renders.exclude(failure_code="").values_list(
            "failure_code", flat=True
        )[0]
    request.status = Status.READY if complete else Status.FAILED
    request.finished_at = now
    request.save(update_fields=["status", "outcome_code", "finished_at"])
    record_event(
        action="request.ready" if complete else "request.failed",
        actor=actor,
        subject=request,
        payload={"clips": ready, "code": request.outcome_code},
        now=now,
    )


def begin_enrolment(*, model_id: str, worker: str, now: datetime) -> VoiceModel | None:
    """Claim a waiting voice model, or None where there is nothing to do: the task came twice, or too late."""
    rows = VoiceModel.objects.select_related("voice", "grant").filter(pk=model_id)
    return claim(rows, to=VoiceModel.Status.ENROLLING, worker=worker, now=now)


@transaction.atomic
def finish_enrolment(
    *, model: VoiceModel, data: bytes, version: str, metrics: dict[str, Any], actor: Actor, now: datetime
) -> None:
    """Keep what was learned, in place of an earlier model, and let the lines that waited for it be spoken.

    Raises:
        LeaseLostError: the claim no longer stands; nothing was kept.
        VivaVoceError: the permission no longer holds.
    """
    voice = lock_voice(model.voice)
    permit_to_enrol(model, now=now)
    obj = vault.store_object(voice=voice, purpose=VaultObject.Purpose.MODEL, data=data, now=now)
    retire_models(voice=voice, engine=model.engine, now=now)
    require_held(
        held(model).update(
            status=VoiceModel.Status.READY,
            object=obj,
            engine_version=version,
            metrics=metrics,
            progress=1.0,
            stage="",
            ready_at=now,
        )
    )
    move_voice(voice, Voice.Status.READY)
    record_event(
        action="voice.enrolled",
        actor=actor,
        subject=voice,
        payload={"model": str(model.pk), "engine": model.engine, "version": version, "sha256": obj.sha256},
        now=now,
    )
    hand_out_renders(renders_of(voice, model.engine))


@transaction.atomic
def fail_enrolment(*, model: VoiceModel, error: VivaVoceError, actor: Actor, now: datetime) -> None:
    """The voice could not be learned: the lines that waited for it fail with the same code.

    Raises LeaseLostError where the claim no longer stands.
    """
    voice = lock_voice(model.voice)
    require_held(
        held(model).update(
            status=VoiceModel.Status.FAILED, failure_code=error.code, failure_message=error.message
        )
    )
    if isinstance(error, GrantError) and model.grant is not None:
        record_event(
            action="grant.refused",
            actor=actor,
            subject=model.grant,
            payload={"code": error.code, "model": str(model.pk)},
            now=now,
        )
    record_event(
        action="voice.enrolment_failed",
        actor=actor,
        subject=voice,
        payload={"model": str(model.pk), "engine": model.engine, "code": error.code},
        now=now,
    )
    usable = VoiceModel.objects.filter(voice=voice, status=VoiceModel.Status.READY)
    if voice.status == Voice.Status.ENROLLING:
        move_voice(voice, Voice.Status.READY if usable.exists() else Voice.Status.NONE)
    if not usable.filter(engine=model.engine).exists():
        fail_waiting(renders=renders_of(voice, model.engine), error=error, actor=actor, now=now)


def retire_models(*, voice: Voice, engine: str, now: datetime) -> None:
    """Take the ready model of a locked voice out of use and destroy it, because another takes its place."""
    for earlier in VoiceModel.objects.filter(voice=voice, engine=engine, status=VoiceModel.Status.READY):
        earlier.status = VoiceModel.Status.REPLACED
        earlier.save(update_fields=["status"])
        assert earlier.object is not None, "a ready model has an object, by constraint"
        vault.destroy_object(earlier.object, now)


def renders_of(voice: Voice, engine: str) -> QuerySet[Render]:
    """Waiting lines in this voice, to be spoken by this engine."""
    return Render.objects.filter(request__voice=voice, grant__engine=engine, status=Render.Status.QUEUED)


def _lock_request(request_id: object) -> SpeechRequest:
    request = SpeechRequest.objects.select_related("voice").get(pk=request_id)
    lock_voice(request.voice)
    Consent.objects.select_for_update(no_key=True).get(pk=request.consent_id)
    return SpeechRequest.objects.select_for_update(no_key=True).get(pk=request_id)


def _end_render(
    render: Render, status: Render.Status, error: VivaVoceError, action: str, actor: Actor, now: datetime
) -> None:
    require_held(held(render).update(status=status, failure_code=error.code, failure_message=error.message))
    _record_end(action, render, error, actor, now)


def _record_end(action: str, render: Render, error: VivaVoceError, actor: Actor, now: datetime) -> None:
    record_event(
        action=action,
        actor=actor,
        subject=render,
        payload={
            "code": error.code,
            "request": str(render.request_id),
            "attempt": render.attempts,
            "line": render.line.sha256,
        },
        now=now,
    )
