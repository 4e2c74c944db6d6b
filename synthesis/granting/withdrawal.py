"""Stopping what was permitted: a consent ended, or a voice was frozen.

Workers hold no state of their own: a row that is no longer theirs makes them stop within a second.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from audit.actors import Actor
from audit.log import record_event
from consent.hooks import Consequence
from consent.models import Consent, Voice
from synthesis.granting.minting import revoke_grants
from synthesis.models import Grant, Render, SpeechRequest, VoiceModel

Status = SpeechRequest.Status


@dataclass(frozen=True, slots=True)
class Stopped:
    """How many requests and unfinished lines an end stopped."""

    requests: int
    lines: int


def withdraw_permitted(*, voice: Voice | None, code: str, actor: Actor, now: datetime) -> Stopped:
    """Stop what is approved and not finished, of one voice or of all. Requests under review stay."""
    requests = SpeechRequest.objects.filter(status__in=SpeechRequest.PERMITTED)
    models = VoiceModel.objects.filter(status__in=VoiceModel.UNFINISHED)
    if voice is not None:
        requests, models = requests.filter(voice=voice), models.filter(voice=voice)
    stopped = _withdraw_requests(requests, code=code, destroy_clips=False, actor=actor, now=now)
    _withdraw_models(models, code=code, actor=actor, now=now)
    return stopped


def end_use_of_consent(*, consent: Consent, actor: Actor, now: datetime) -> list[Consequence]:
    """Stop everything that rests on a consent that was withdrawn or has expired.

    The consent app calls this inside its own transaction, and itself destroys what the scope says: the voice
    model always, the clips where the owner wanted that. Where a signed successor waits, both are kept.
    """
    succeeded = (
        consent.status == Consent.Status.EXPIRED
        and consent.voice.consents.filter(status=Consent.Status.SIGNED).exists()
    )
    destroy_clips = consent.scope.after_end == "destroy" and not succeeded
    ending = [Status.CHANGES_REQUESTED, *SpeechRequest.UNDER_REVIEW, *SpeechRequest.PERMITTED]
    if destroy_clips:
        ending += [Status.READY, Status.FAILED, Status.CANCELLED, Status.EXPIRED, Status.WITHDRAWN]
    code = f"consent.{consent.status}"
    stopped = _withdraw_requests(
        SpeechRequest.objects.filter(consent=consent, status__in=ending),
        code=code,
        destroy_clips=destroy_clips,
        actor=actor,
        now=now,
    )
    usable = VoiceModel.UNFINISHED if succeeded else (*VoiceModel.UNFINISHED, VoiceModel.Status.READY)
    _withdraw_models(
        VoiceModel.objects.filter(voice=consent.voice, status__in=usable), code=code, actor=actor, now=now
    )
    return [
        Consequence("stopped", "requests", stopped.requests),
        Consequence("stopped", "lines waiting or being spoken", stopped.lines),
    ]


def _withdraw_requests(
    requests: QuerySet[SpeechRequest], *, code: str, destroy_clips: bool, actor: Actor, now: datetime
) -> Stopped:
    assert connection.in_atomic_block, "withdraw requests together with what makes them void"
    locked = list(requests.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    revoke_grants(
        grants=Grant.objects.filter(request__in=locked, revoked_at=None), code=code, actor=actor, now=now
    )
    requests_stopped = lines_stopped = 0
    for request in locked:
        unfinished = request.renders.filter(status__in=Render.UNFINISHED)
        lines_stopped += (lines := unfinished.update(status=Render.Status.WITHDRAWN, failure_code=code))
        clips = 0
        if destroy_clips:
            ready = request.renders.filter(status=Render.Status.READY)
            clips = ready.update(status=Render.Status.DESTROYED, failure_code=code)
        if Status.WITHDRAWN not in request.TRANSITIONS[request.status]:
            continue
        requests_stopped += 1
        request.status, request.stage = Status.WITHDRAWN, ""
        request.outcome_code, request.finished_at = code, now
        request.save(update_fields=["status", "stage", "outcome_code", "finished_at"])
        record_event(
            action="request.withdrawn",
            actor=actor,
            subject=request,
            payload={"code": code, "lines_stopped": lines, "clips_destroyed": clips},
            now=now,
        )
    return Stopped(requests_stopped, lines_stopped)


def _withdraw_models(models: QuerySet[VoiceModel], *, code: str, actor: Actor, now: datetime) -> None:
    withdrawn = list(models.select_for_update(no_key=True, of=("self",)).select_related("grant"))
    VoiceModel.objects.filter(pk__in=[model.pk for model in withdrawn]).update(
        status=VoiceModel.Status.WITHDRAWN, failure_code=code
    )
    grants = [model.grant for model in withdrawn if model.grant is not None]
    revoke_grants(grants=grants, code=code, actor=actor, now=now)
