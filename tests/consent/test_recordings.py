"""Taking recordings in, listening to them with the real models, and what is left of the refused ones."""

from datetime import datetime

import numpy as np
import pytest

from audit.actors import Actor
from audit.errors import ConflictError, NotAllowedError
from audit.log.queries import subjects_with
from consent import vault
from consent.errors import AudioError, VaultError
from consent.intake.checking import finish_recording, listen
from consent.models import Recording, VaultObject, Voice
from consent.recordings import add_recording, judge_recording, recordings_ready, remove_recording
from tests.consent.conftest import RATE, encoded, speech, voice_file

Status = Recording.Status
WORKER = Actor.worker("recording-check")


@pytest.fixture
def added(voice: Voice, steward: Actor, now: datetime) -> Recording:
    data = encoded(speech("slt", 0, 1))
    return add_recording(voice=voice, data=data, filename=r"C:\tapes\one.wav", actor=steward, now=now)


def test_added_recording_waits_encrypted(added: Recording) -> None:
    assert added.status == Status.CHECKING
    assert added.original_name == "one.wav"
    assert vault.read_object(added.object).startswith(b"fLaC")
    assert added.pk in subjects_with("recording.added")


def test_recording_is_dispatched_on_commit(voice: Voice, steward: Actor, now, monkeypatch) -> None:
    from consent.tasks import check_recording

    sent: list[tuple] = []
    monkeypatch.setattr(check_recording, "delay", lambda *args: sent.append(args))
    from django.test import TestCase

    with TestCase.captureOnCommitCallbacks(execute=True):
        recording = add_recording(
            voice=voice, data=voice_file("slt", 2), filename="a.flac", actor=steward, now=now
        )
        assert not sent
    assert sent == [(str(recording.pk),)]


def test_one_clear_speaker_is_accepted(added: Recording, now: datetime) -> None:
    heard = finish_recording(recording=added, actor=WORKER, now=now)
    assert heard.status == Status.ACCEPTED
    assert heard.speech_share > 0.7
    assert heard.speaker_consistency > 0.8
    assert heard.pk in subjects_with("recording.accepted")


def test_two_speakers_are_refused_and_destroyed(voice: Voice, steward: Actor, now: datetime) -> None:
    both = encoded(np.concatenate([speech("slt", 0, 1), speech("rms", 2, 3)]))
    added = add_recording(voice=voice, data=both, filename="both.wav", actor=steward, now=now)
    heard = finish_recording(recording=added, actor=WORKER, now=now)
    assert (heard.status, heard.refusal_code) == (Status.REFUSED, "audio.two_speakers")
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.read_object(heard.object)
    assert heard.pk in subjects_with("recording.refused")


def test_another_speaker_than_before_is_refused(
    make_recording, voice: Voice, steward: Actor, now: datetime
) -> None:
    make_recording(number=0, speaker="slt")
    make_recording(number=1, speaker="slt")
    added = add_recording(voice=voice, data=voice_file("rms", 2), filename="b.flac", actor=steward, now=now)
    heard = finish_recording(recording=added, actor=WORKER, now=now)
    assert heard.refusal_code == "audio.other_speaker"


@pytest.mark.parametrize(("format", "rate"), [("MP3", 16_000), ("WAV", 8_000), ("OGG", 48_000)])
def test_same_speaker_through_a_poorer_line_is_accepted(format: str, rate: int) -> None:
    import io

    import soundfile
    import soxr

    clean = speech("slt", 0, 1)
    poor = encoded(soxr.resample(speech("slt", 2, 3), RATE, rate), rate, format)
    samples, rate = soundfile.read(io.BytesIO(poor), dtype="float32")
    samples = soxr.resample(samples, rate, RATE).astype(np.float32)
    assert listen(samples, RATE, [clean]).refusal_code == ""


@pytest.mark.parametrize("sound", ["noise", "hum", "a word in silence"])
def test_too_little_speech_is_refused(sound: str) -> None:
    rng = np.random.default_rng(3)
    samples = {
        "noise": rng.normal(0, 0.1, 6 * RATE),
        "hum": 0.3 * np.sin(2 * np.pi * 100 * np.arange(6 * RATE) / RATE),
        "a word in silence": np.concatenate([speech("slt", 0)[: RATE // 2], np.zeros(6 * RATE)]),
    }[sound]
    assert listen(samples.astype(np.float32), RATE, []).refusal_code == "audio.too_little_speech"


def test_judging_twice_changes_nothing(added: Recording, now: datetime) -> None:
    judged = judge_recording(
        recording=added, speech_share=0.8, speaker_consistency=None, refusal_code="", actor=WORKER, now=now
    )
    again = judge_recording(
        recording=added,
        speech_share=0.1,
        speaker_consistency=None,
        refusal_code="audio.two_speakers",
        actor=WORKER,
        now=now,
    )
    assert judged.status == again.status == Status.ACCEPTED
    assert again.speech_share == 0.8


def test_refused_at_the_door_leaves_an_event_and_nothing_else(
    voice: Voice, steward: Actor, now: datetime
) -> None:
    with pytest.raises(AudioError, match=r"audio\.not_audio"):
        add_recording(voice=voice, data=b"nothing", filename="x.wav", actor=steward, now=now)
    assert voice.pk in subjects_with("recording.refused")
    assert not Recording.objects.exists()
    assert not VaultObject.objects.exists()


def test_same_audio_twice_is_a_duplicate(added: Recording, voice: Voice, steward: Actor, now) -> None:
    data = encoded(speech("slt", 0, 1))
    with pytest.raises(AudioError, match=r"audio\.duplicate"):
        add_recording(voice=voice, data=data, filename="again.wav", actor=steward, now=now)
    assert Recording.objects.count() == VaultObject.objects.count() == 1


def test_owner_adds_by_link_and_strangers_do_not(
    voice: Voice, owner_actor: Actor, make_person, now: datetime
) -> None:
    added = add_recording(
        voice=voice, data=voice_file("slt", 0), filename="a.flac", actor=owner_actor, now=now
    )
    assert added.uploaded_by is None
    stranger = Actor.from_person(make_person("Sam Stranger"))
    with pytest.raises(NotAllowedError, match=r"access\.role_missing"):
        add_recording(voice=voice, data=voice_file("slt", 1), filename="a.flac", actor=stranger, now=now)


def test_removed_recording_is_destroyed_and_removed_once(
    recording: Recording, owner_actor: Actor, now
) -> None:
    removed = remove_recording(recording=recording, actor=owner_actor, now=now)
    assert removed.status == Status.REMOVED
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.read_object(removed.object)
    with pytest.raises(ConflictError, match=r"recording\.is_removed"):
        remove_recording(recording=recording, actor=owner_actor, now=now)


def test_readiness_counts_speech_not_seconds(voice: Voice, make_recording) -> None:
    assert [each.code for each in recordings_ready(voice).findings] == ["recordings.too_little_speech"]
    for number in range(4):
        made = make_recording(number=number)
    ready = recordings_ready(voice)
    assert ready.ok
    assert ready.needed == 10
    Recording.objects.update(speech_share=0.5)
    assert not recordings_ready(voice).ok
    Recording.objects.filter(pk=made.pk).update(status=Status.CHECKING)
    assert "recordings.being_checked" in {each.code for each in recordings_ready(voice).findings}
