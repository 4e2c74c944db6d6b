"""Handing work to the workers, and the sweep that loses none of it.

The broker carries ids only, and the database is the only truth. A task may be lost or delivered twice: the
sweep hands out again what the database says is due, and a claim (`synthesis.worker.claims`) makes every
delivery but the first a no-op.
"""

import os
import socket
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from audit.actors import Actor
from audit.errors import VivaVoceError
from audit.log import record_event
from consent.models import Voice
from consent.owners import lock_voice
from synthesis.enrolment import ensure_enrolment, model_in_the_making, ready_model
from synthesis.granting import revoke_grants
from synthesis.models import Grant, Render, SpeechRequest, VoiceModel
from synthesis.worker.outcomes import fail_waiting, give_back, renders_of
from synthesis.worker.queue import hand_out_models, hand_out_renders

# A holder beats every second; without a beat for this long it is taken for dead.
LEASE = timedelta(seconds=30)
# A task that was sent and not claimed for this long is sent again, in case the broker lost it.
PATIENCE = timedelta(minutes=15)


def dispatch_voice(*, voice: Voice, engine: str, actor: Actor, now: datetime) -> None:
    """Have the waiting lines of a locked voice spoken, learning the voice first where that is needed.

    Where it cannot be learned at all, the lines fail with the reason.
    """
    waiting = renders_of(voice, engine)
    if ready_model(voice, engine):
        hand_out_renders(waiting)
        return
    try:
        ensure_enrolment(voice=voice, engine=engine, actor=actor, now=now)
    except VivaVoceError as error:
        fail_waiting(renders=waiting, error=error, actor=actor, now=now)


def requeue_lost(*, now: datetime) -> int:
    """One sweep: give up on dead holders, hand out again what waits. Returns how many tasks were sent.

    1. Held rows without a heartbeat for LEASE, or whose holder was a process of this host that is gone, wait
       again; after MAX_ATTEMPTS they fail, since whatever killed their holders would kill the next.
    2. Waiting rows that were never sent, or sent longer than PATIENCE ago, are sent.
    3. Lines that wait for a voice which nobody is learning have it learned.
    """
    actor = Actor.system("scheduler")
    for render in _abandoned(Render.objects.select_related("line", "grant"), now):
        give_back(row=render, actor=actor, now=now)
    for model in _abandoned(VoiceModel.objects.select_related("voice", "grant"), now):
        give_back(row=model, actor=actor, now=now)
    sent = hand_out_models(_due(VoiceModel.objects.filter(status=VoiceModel.Status.QUEUED), now))
    waiting = Render.objects.filter(status=Render.Status.QUEUED)
    for voice_id, engine in set(waiting.values_list("request__voice", "grant__engine")):
        voice = Voice.objects.get(pk=voice_id)
        if ready_model(voice, engine):
            sent += hand_out_renders(_due(renders_of(voice, engine), now))
        elif model_in_the_making(voice, engine) is None:
            with transaction.atomic():
                dispatch_voice(voice=lock_voice(voice), engine=engine, actor=actor, now=now)
            sent += 1
    return sent


def expire_permits(*, now: datetime) -> int:
    """End requests whose grant ran out before every line was spoken. Returns how many."""
    actor = Actor.system("scheduler")
    due = SpeechRequest.objects.filter(
        status__in=SpeechRequest.PERMITTED,
        grants__kind=Grant.Kind.RENDER,
        grants__revoked_at=None,
        grants__expires_at__lte=now,
    )
    return sum(_expire(request, actor, now) for request in due.select_related("voice"))


@transaction.atomic
def _expire(request: SpeechRequest, actor: Actor, now: datetime) -> bool:
    lock_voice(request.voice)
    request = SpeechRequest.objects.select_for_update(no_key=True).get(pk=request.pk)
    if request.status not in SpeechRequest.PERMITTED:
        return False
    code = "grant.expired"
    stopped = request.renders.filter(status__in=Render.UNFINISHED).update(
        status=Render.Status.REFUSED,
        failure_code=code,
        failure_message="The grant ran out before this line was spoken.",
    )
    revoke_grants(grants=request.grants.filter(revoked_at=None), code=code, actor=actor, now=now)
    request.status, request.outcome_code, request.finished_at = SpeechRequest.Status.EXPIRED, code, now
    request.save(update_fields=["status", "outcome_code", "finished_at"])
    record_event(
        action="request.expired",
        actor=actor,
        subject=request,
        payload={"code": code, "lines_stopped": stopped},
        now=now,
    )
    return True


def _abandoned(rows: QuerySet[Render] | QuerySet[VoiceModel], now: datetime) -> list[Render | VoiceModel]:
    held = rows.filter(status__in=rows.model.HELD)
    return [row for row in held if row.heartbeat_at < now - LEASE or _holder_is_gone(row.claimed_by)]


def _holder_is_gone(claimed_by: str) -> bool:
    """Whether the holder was a process of this very host and no longer exists."""
    host, _, process_id = claimed_by.rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # It is there, and somebody else's.
    return False


def _due(
    rows: QuerySet[Render] | QuerySet[VoiceModel], now: datetime
) -> QuerySet[Render] | QuerySet[VoiceModel]:
    return rows.filter(Q(dispatched_at=None) | Q(dispatched_at__lte=now - PATIENCE))
