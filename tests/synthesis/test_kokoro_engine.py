"""The embedded engine on synthetic voices: the demo model speaks, new voices are learnt or refused.

Few steps in the quick test, which asks only for a gain over the nearest stock voice; the slow one learns
from a telephone recording.
"""

import threading
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from consent.hearing.audio import Waveform, resample
from consent.hearing.speakers import embed_campp, similarity
from consent.hearing.words import transcribe, word_error_rate
from synthesis.engines.base import EngineError, EnrolmentError, Recording, SpeechError, SpeechStoppedError
from synthesis.engines.kokoro.engine import Effort, KokoroEngine
from synthesis.engines.kokoro.packs import load_packs
from synthesis.engines.registry import get_engine

ROOT = Path(__file__).parents[2]
DEMO_MODEL = ROOT / "synthesis/engines/kokoro/data/demo_voice.safetensors"
DEMO_RECORDINGS = sorted((ROOT / "portal/demo/voice").glob("*.flac"))
VOICES = ROOT / "tests/fixtures/voices"
LINE = "Welcome back, your request has been approved and the recording is ready."
RATE = 24_000


def read(path: Path, *, rate: int = RATE, gain: float = 1.0) -> Recording:
    samples, own_rate = soundfile.read(path, dtype="float32")
    return Recording(resample(gain * samples, own_rate, rate), rate)


def recordings_of(voice: str, **changes: float) -> list[Recording]:
    return [read(path, **changes) for path in sorted((VOICES / voice).glob("enr*.flac"))]


def speaker_of(paths: list[Path]) -> Waveform:
    embedding = np.mean([embed_campp(read(path).samples, RATE) for path in paths], axis=0)
    return embedding / np.linalg.norm(embedding)


@pytest.fixture(scope="module")
def engine() -> KokoroEngine:
    return KokoroEngine()


@cache
def demo_model() -> bytes:
    return DEMO_MODEL.read_bytes()


@pytest.fixture(scope="module")
def demo_line(engine: KokoroEngine) -> Waveform:
    return engine.speak(demo_model(), LINE, language="en", seed=3).samples


def test_the_demo_voice_says_its_words(demo_line):
    assert word_error_rate(LINE, transcribe(demo_line, RATE)) == 0


def test_the_demo_voice_is_its_speaker_and_no_stock_voice(demo_line):
    owner, clone = speaker_of(DEMO_RECORDINGS), embed_campp(demo_line, RATE)

    assert similarity(clone, owner) > 0.6
    assert similarity(clone, owner) > float((load_packs().campp @ clone).max())


def test_the_same_seed_gives_the_same_samples_and_another_seed_does_not(engine, demo_line):
    again = engine.speak(demo_model(), LINE, language="en-GB", seed=3).samples
    other = engine.speak(demo_model(), "Ready.", language="en", seed=1).samples

    np.testing.assert_array_equal(again, demo_line)
    assert not np.array_equal(other, engine.speak(demo_model(), "Ready.", language="en", seed=2).samples)


def test_numbers_and_sentences_are_spoken_in_one_line_with_a_pause_between(engine):
    line = "The 3 boats left on the 21st of May. Dr. Brown paid $20."

    speech = engine.speak(demo_model(), line, language="en")

    assert speech.rate == RATE
    assert speech.samples.dtype == np.float32
    assert np.abs(speech.samples).max() <= 1
    assert word_error_rate(line, transcribe(speech.samples, RATE)) <= 0.1


def test_a_stock_voice_speaks_for_nobody(engine):
    speech = engine.speak_stock("This is a synthetic voice.", language="en")

    assert word_error_rate("This is a synthetic voice.", transcribe(speech.samples, RATE)) == 0


def test_stop_ends_a_line_midway(engine):
    line = "The engineers measured the long bridge twice " * 5
    raised: list[EngineError] = []

    def speak() -> None:
        try:
            engine.speak(demo_model(), line, language="en")
        except SpeechStoppedError as error:
            raised.append(error)

    speaker = threading.Thread(target=speak)
    speaker.start()
    time.sleep(1)
    engine.stop()
    started = time.process_time()
    speaker.join()

    assert [error.code for error in raised] == ["engine.stopped"]
    assert time.process_time() - started < 5


def test_stop_ends_an_enrolment_between_its_steps():
    engine = KokoroEngine()

    def stop_at_once(share: float, stage: str) -> None:
        engine.stop()

    with pytest.raises(SpeechStoppedError):
        engine.enrol([read(DEMO_RECORDINGS[0])], language="en", progress=stop_at_once)


def ignore_progress(share: float, stage: str) -> None:
    pass


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros(20 * RATE, dtype=np.float32), "enrolment.too_little_speech"),
        (
            0.1 * np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32),
            "enrolment.too_little_speech",
        ),
        (read(DEMO_RECORDINGS[0]).samples, "enrolment.too_little_speech"),
    ],
    ids=["silence", "noise", "three seconds"],
)
def test_recordings_without_enough_speech_are_refused(engine, samples, code):
    with pytest.raises(EnrolmentError) as refusal:
        engine.enrol([Recording(samples, RATE)], language="en", progress=ignore_progress)

    assert refusal.value.code == code
    assert refusal.value.remedy


def test_other_languages_are_refused(engine):
    with pytest.raises(SpeechError) as refusal:
        engine.speak(demo_model(), "Guten Tag", language="de")
    assert refusal.value.code == "engine.language_unknown"

    with pytest.raises(EnrolmentError):
        engine.enrol(recordings_of("rms")[:1], language="fr", progress=ignore_progress)


def test_an_unknown_engine_is_refused():
    assert get_engine("kokoro-adapted") is get_engine("kokoro-adapted")
    with pytest.raises(EngineError) as refusal:
        get_engine("another")
    assert refusal.value.code == "engine.unknown"


def test_a_few_steps_already_bring_a_new_voice_nearer_than_the_nearest_stock_voice():
    engine = KokoroEngine(Effort(lesson_seconds=9, prosody_steps=8, timbre_steps=10))
    shares: list[float] = []

    model = engine.enrol(
        recordings_of("rms")[:4], language="en", progress=lambda share, stage: shares.append(share)
    )

    assert model.metrics["campp"] > model.metrics["campp_nearest_stock"]
    assert model.metrics["word_error_rate"] <= 0.05
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(model.data) < 5_000_000


@pytest.mark.slow
def test_one_long_telephone_recording_at_a_low_level_becomes_an_intelligible_voice():
    parts = recordings_of("rms", rate=8_000, gain=0.15)[:6]
    pause = np.zeros(8_000 // 3, dtype=np.float32)
    long = Recording(np.concatenate([x for part in parts for x in (part.samples, pause)]), 8_000)
    engine = KokoroEngine(Effort(lesson_seconds=18, prosody_steps=30, timbre_steps=30))

    model = engine.enrol([long], language="en", progress=ignore_progress)
    clone = engine.speak(model.data, LINE, language="en").samples

    assert word_error_rate(LINE, transcribe(clone, RATE)) <= 0.1
    assert model.metrics["campp"] > model.metrics["campp_rival"]
