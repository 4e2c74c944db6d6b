"""Sending tasks. The broker carries ids only."""

from functools import partial
from typing import Any

from celery import Task
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from synthesis import tasks
from synthesis.models import Render, VoiceModel


def hand_out_renders(renders: QuerySet[Render]) -> int:
    """Send one task a render that waits, once the transaction has committed. Returns how many."""
    return _hand_out(renders.filter(status=Render.Status.QUEUED).order_by("line__position"), tasks.speak_line)


def hand_out_models(models: QuerySet[VoiceModel]) -> int:
    """Send one task a voice model that waits, once the transaction has committed. Returns how many."""
    return _hand_out(models.filter(status=VoiceModel.Status.QUEUED), tasks.enrol_voice)


def _hand_out(rows: QuerySet[Any], task: Task) -> int:
    ids = list(rows.values_list("pk", flat=True))
    if ids:
        # Robust: where the broker is away the rows stay marked as not handed out, and the sweep sees to them.
        transaction.on_commit(partial(_send, rows.model, task, ids), robust=True)
    return len(ids)


def _send(model: type[Render] | type[VoiceModel], task: Task, ids: list[Any]) -> None:
    for pk in ids:
        task.delay(str(pk))
    model.objects.filter(pk__in=ids).update(dispatched_at=timezone.now())
