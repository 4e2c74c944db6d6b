import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from django.core.management import CommandError, call_command

from audit.errors import NotAllowedError
from audit.log.models import InboxEvent
from audit.roles import Role
from consent.errors import AudioError
from synthesis.detection import detect_audio
from synthesis.engines.base import Speech
from synthesis.models import DetectionRun, Render
from synthesis.worker.marks import mark, watermark_key, watermarker
from tests.synthesis.world import LINES, SYSTEM, World


def wav(x: np.ndarray, rate: int = 24_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, x, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture
def render(world: World) -> Render:
    world.consent()
    world.model()
    return world.approved(lines=LINES[:1]).renders.get()


@pytest.fixture
def marked(render: Render, slt: np.ndarray) -> bytes:
    return wav(mark(Speech(slt, 24_000), watermark_id=render.watermark_id))


def test_marked_audio_leads_back_to_its_clip_and_is_an_event(
    world: World, render: Render, marked: bytes
) -> None:
    run = detect_audio(data=marked, actor=world.actor("anna", Role.AUDITOR), now=world.now)
    assert run.render == render
    assert run.watermark_id == render.watermark_id
    payload = InboxEvent.objects.get(action="detection.run").event["payload"]
    assert payload["render"] == str(render.pk)


def test_unmarked_audio_leads_nowhere(world: World, slt: np.ndarray) -> None:
    run = detect_audio(data=wav(slt), actor=SYSTEM, now=world.now)
    assert (run.watermark_id, run.render) == (None, None)


def test_mark_of_no_clip_of_ours_is_told_apart(world: World, slt: np.ndarray) -> None:
    data = wav(mark(Speech(slt, 24_000), watermark_id=7))
    run = detect_audio(data=data, actor=SYSTEM, now=world.now)
    assert (run.watermark_id, run.render) == (7, None)


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.VOICE_OWNER])
def test_detection_by_a_role_that_may_not_is_refused(world: World, role: Role) -> None:
    with pytest.raises(NotAllowedError, match=r"access\.role_missing"):
        detect_audio(data=b"", actor=world.actor("mallory", role), now=world.now)
    assert not DetectionRun.objects.exists()


@pytest.mark.parametrize("data", [b"", b"no audio at all", b"RIFF\x00\x00\x00\x00WAVE"])
def test_file_that_is_no_audio_is_refused(world: World, data: bytes) -> None:
    with pytest.raises(AudioError):
        detect_audio(data=data, actor=SYSTEM, now=world.now)
    assert not DetectionRun.objects.exists()


def test_command_names_the_request_and_the_line(
    render: Render, marked: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Render.objects.filter(pk=render.pk).update(ready_at=render.created_at)
    path = tmp_path / "clip.wav"
    path.write_bytes(marked)
    call_command("detect", str(path))
    said = capsys.readouterr().out
    assert "This is ours" in said
    assert f"{render.request.number}, line 1" in said


def test_command_on_unmarked_audio_says_so(
    world: World, slt: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav(slt))
    call_command("detect", str(path))
    assert "No watermark" in capsys.readouterr().out


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_bytes(b"text")])
def test_command_on_what_it_cannot_read_fails(
    world: World, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = tmp_path / "clip.wav"
    make(path)
    with pytest.raises(CommandError):
        call_command("detect", str(path))


def test_watermark_key_is_made_once_and_readable_by_us_alone(settings: object) -> None:
    key = watermark_key()
    assert len(key) == 32
    assert watermark_key() == key
    assert watermarker() is watermarker()
    path = Path(settings.KEYS_DIR) / "watermark.key"  # type: ignore[attr-defined]
    assert path.stat().st_mode & 0o777 == 0o600
