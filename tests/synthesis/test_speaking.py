"""The whole worker with the embedded engine and the demo's voice: is it the voice, is it the words?"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import soundfile
from django.utils import timezone

from synthesis.conf import LineLimits
from synthesis.models import Render, SpeechRequest
from synthesis.releases import open_clip
from tests.conftest import wait_until
from tests.synthesis.world import World

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PROJECT = Path(__file__).resolve().parent.parent.parent
RECORDINGS = PROJECT / "portal" / "demo" / "voice"
MODEL = PROJECT / "synthesis" / "engines" / "kokoro" / "data" / "demo_voice.safetensors"


@pytest.fixture
def now() -> datetime:
    """Workers go by the real clock."""
    return timezone.now().replace(microsecond=0)


def test_demo_voice_speaks_the_approved_words_in_its_own_voice(
    world: World, start_worker: Callable[..., Any]
) -> None:
    for path in sorted(RECORDINGS.glob("*.flac"))[:5]:
        world.add_recording(*soundfile.read(path, dtype="float32"))
    world.consent(disclosure="audible")
    world.model(data=MODEL.read_bytes())
    start_worker()
    request = world.approved()
    ended = (SpeechRequest.Status.READY, SpeechRequest.Status.FAILED)
    wait_until(lambda: SpeechRequest.objects.get(pk=request.pk).status in ended, seconds=300)
    renders = list(request.renders.all())
    assert [(render.status, render.failure_code) for render in renders] == [(Render.Status.READY, "")] * 2
    limits = LineLimits.from_settings()
    for render in renders:
        assert render.measurements["similarity_campp"] >= limits.campp_min
        assert render.measurements["similarity_ge2e"] >= limits.ge2e_min
        assert render.measurements["word_error_rate"] <= limits.word_error_rate_max
        data, media = open_clip(render=render, actor=world.requester, now=world.now)
        assert media == "audio/flac"
        assert data.startswith(b"fLaC")
