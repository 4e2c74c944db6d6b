"""Real worker processes on a real broker: killed, frozen, sent the same thing twice."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from audit.log.models import InboxEvent
from consent.consents import withdraw_consent
from consent.models import VaultObject
from synthesis import tasks
from synthesis.dispatch import requeue_lost
from synthesis.engines.registry import get_engine, register_engine
from synthesis.freezes import freeze_voice
from synthesis.models import Render, SpeechRequest, VoiceModel
from tests.conftest import wait_until
from tests.fixtures.tone_engine import ToneEngine
from tests.synthesis.world import LINES, World

pytestmark = pytest.mark.django_db(transaction=True)
TONE = {"DJANGO_SETTINGS_MODULE": "tests.fixtures.tone_settings"}


@pytest.fixture(autouse=True)
def tone(settings: Any) -> None:
    get_engine.cache_clear()
    register_engine("tone", ToneEngine)
    settings.DEFAULT_ENGINE = "tone"
    current_app.control.purge()


@pytest.fixture
def now() -> datetime:
    """Workers go by the real clock."""
    return timezone.now().replace(microsecond=0)


def statuses(request: SpeechRequest) -> set[str]:
    return set(request.renders.values_list("status", flat=True))


def require_one_release_a_line(request: SpeechRequest) -> None:
    renders = list(request.renders.all())
    assert {render.status for render in renders} == {"ready"}
    assert len({render.line_id for render in renders}) == len(renders) == request.lines.count()
    assert VaultObject.objects.filter(purpose="render").count() == len(renders)
    events = InboxEvent.objects.filter(action="render.ready").values_list("subject_id", flat=True)
    assert sorted(events) == sorted(render.pk for render in renders)
    request.refresh_from_db()
    assert request.status == SpeechRequest.Status.READY


def test_worker_learns_the_voice_and_speaks_every_line(
    world: World, start_worker: Callable[..., Any]
) -> None:
    world.consent()
    start_worker(**TONE)
    request = world.approved()
    wait_until(lambda: statuses(request) == {"ready"}, seconds=180)
    require_one_release_a_line(request)
    assert world.voice.models.get().status == VoiceModel.Status.READY


def test_worker_killed_while_it_speaks_ends_in_one_release_a_line(
    world: World, start_worker: Callable[..., Any]
) -> None:
    world.consent()
    world.model("tone")
    first = start_worker(**TONE, TONE_SECONDS="600")
    request = world.approved()
    wait_until(lambda: "speaking" in statuses(request), seconds=120)
    first.kill()
    assert statuses(request) == {"speaking", "queued"}
    start_worker(**TONE)
    wait_until(lambda: statuses(request) == {"ready"}, seconds=180)
    require_one_release_a_line(request)
    assert sorted(request.renders.values_list("attempts", flat=True)) == [1, 2]


def test_worker_killed_while_it_learns_leaves_a_voice_that_is_learned_again(
    world: World, start_worker: Callable[..., Any]
) -> None:
    world.consent()
    first = start_worker(**TONE, TONE_SECONDS="600")
    request = world.approved(lines=LINES[:1])
    model = world.voice.models.get()
    wait_until(lambda: VoiceModel.objects.get(pk=model.pk).status == "enrolling", seconds=120)
    first.kill()
    start_worker(**TONE)
    wait_until(lambda: statuses(request) == {"ready"}, seconds=180)
    require_one_release_a_line(request)
    model.refresh_from_db()
    assert (model.status, model.attempts) == ("ready", 2)


def test_emptied_broker_loses_no_line(world: World, start_worker: Callable[..., Any]) -> None:
    world.consent()
    world.model("tone")
    request = world.approved()
    current_app.control.purge()
    Render.objects.update(dispatched_at=None)
    start_worker(**TONE)
    wait_until(lambda: statuses(request) == {"ready"}, seconds=180)
    require_one_release_a_line(request)


def test_tasks_sent_many_times_release_each_line_once(world: World, start_worker: Callable[..., Any]) -> None:
    world.consent()
    world.model("tone")
    request = world.approved()
    for render in request.renders.all():
        for _ in range(3):
            tasks.speak_line.delay(str(render.pk))
    start_worker(**TONE)
    start_worker(**TONE)
    wait_until(lambda: statuses(request) == {"ready"}, seconds=240)
    requeue_lost(now=timezone.now())
    require_one_release_a_line(request)
    assert set(request.renders.values_list("attempts", flat=True)) == {1}


@pytest.mark.parametrize("stop", ["withdraw", "freeze"])
def test_line_being_spoken_stops_within_five_seconds(
    world: World, start_worker: Callable[..., Any], stop: str
) -> None:
    consent = world.consent()
    world.model("tone")
    worker = start_worker(**TONE, TONE_SECONDS="600")
    request = world.approved(lines=LINES[:1])
    wait_until(lambda: statuses(request) == {"speaking"}, seconds=120)
    if stop == "withdraw":
        withdraw_consent(consent=consent, reason="", actor=world.owner, now=timezone.now())
    else:
        freeze_voice(voice=world.voice, reason="Complaint.", actor=world.steward, now=timezone.now())
    wait_until(lambda: "nothing was released" in worker.log.read_text(), seconds=5)
    assert statuses(request) == {"withdrawn"}
    assert not VaultObject.objects.filter(purpose="render").exists()


def test_forged_task_for_a_line_nobody_approved_releases_nothing(
    world: World, start_worker: Callable[..., Any]
) -> None:
    world.consent()
    world.model("tone")
    request = world.approved(lines=LINES[:1])
    request.grants.update(revoked_at=timezone.now())
    tasks.speak_line.delay(str(request.renders.get().pk))
    tasks.speak_line.delay("00000000-0000-0000-0000-000000000000")
    start_worker(**TONE)
    wait_until(lambda: statuses(request) == {"refused"}, seconds=120)
    assert request.renders.get().failure_code == "grant.revoked"
