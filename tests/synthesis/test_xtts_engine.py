"""XTTS through its real code path, on tiny random weights."""

import shutil
from threading import Timer

import numpy as np
import pytest
import safetensors.torch

from synthesis.engines.base import (
    EngineError,
    EnrolmentError,
    Recording,
    SpeechError,
    SpeechStoppedError,
    VoiceModel,
)
from synthesis.engines.xtts.engine import XttsEngine
from synthesis.engines.xtts.weights import digest_weights
from tests.fixtures.tiny_xtts import build_checkpoint, shrink_classes

LINE = "This line was approved."


@pytest.fixture(scope="module", autouse=True)
def small_classes():
    with pytest.MonkeyPatch.context() as patch:
        shrink_classes(patch)
        yield


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return build_checkpoint(tmp_path_factory.mktemp("xtts") / "ends", end_bias=1.0)


@pytest.fixture(scope="module")
def endless_directory(tmp_path_factory):
    return build_checkpoint(tmp_path_factory.mktemp("xtts") / "endless", end_bias=-10_000)


def load(directory):
    return XttsEngine(directory, digest_weights(directory), "cpu")


@pytest.fixture(scope="module")
def engine(directory):
    engine = load(directory)
    engine.warm_up()
    return engine


def enrol(engine, *recordings) -> VoiceModel:
    return engine.enrol(recordings, language="en", progress=lambda share, stage: None)


@pytest.fixture(scope="module")
def voice(engine, slt):
    return enrol(engine, Recording(slt, 24000))


def test_enrolment_gives_latents_and_reports_progress(engine, slt, rms):
    seen = []
    model = engine.enrol(
        [Recording(slt, 24000), Recording(rms, 24000)],
        language="en",
        progress=lambda share, stage: seen.append(share),
    )
    tensors = safetensors.torch.load(model.data)
    assert tensors["gpt_cond_latent"].shape == (1, 32, 64)
    assert tensors["speaker_embedding"].shape == (1, 512, 1)
    assert model.metrics == {"recordings": 2, "seconds": 8.34}
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_line_is_spoken_the_same_for_the_same_seed(engine, voice):
    first = engine.speak(voice.data, LINE, language="en", seed=3)
    assert first.rate == 24000
    assert first.samples.dtype == np.float32
    assert first.samples.ndim == 1
    assert len(first.samples) > 0.2 * 24000
    assert np.isfinite(first.samples).all()
    assert np.array_equal(first.samples, engine.speak(voice.data, LINE, language="en", seed=3).samples)
    assert not np.array_equal(first.samples, engine.speak(voice.data, LINE, language="en", seed=4).samples)


def test_line_over_the_limits_is_spoken_in_pieces(engine, voice, monkeypatch):
    said = []
    inference = engine._model.inference
    monkeypatch.setattr(
        engine._model,
        "inference",
        lambda piece, *args, **rest: said.append(piece) or inference(piece, *args, **rest),
    )
    text = "The committee met in the old town hall. " * 9 + "Is that “so?” " + "x" * 300
    engine.speak(voice.data, text, language="en")
    assert len(set(said)) >= 3
    assert all(len(piece) <= 250 for piece in said)
    assert "“" not in "".join(said)


def test_stop_ends_a_line_midway(endless_directory, slt):
    engine = load(endless_directory)
    voice = enrol(engine, Recording(slt, 24000))
    stopper = Timer(0.5, engine.stop)
    stopper.start()
    with pytest.raises(SpeechStoppedError):
        engine.speak(voice.data, "A long line that does not end. " * 8, language="en")
    stopper.join()


def test_line_without_an_end_is_refused(endless_directory, slt):
    engine = load(endless_directory)
    voice = enrol(engine, Recording(slt, 24000))
    with pytest.raises(SpeechError, match=r"engine\.ran_on"):
        engine.speak(voice.data, "On.", language="en")


def test_stop_ends_enrolment(engine, slt):
    with pytest.raises(SpeechStoppedError):
        engine.enrol([Recording(slt, 24000)], language="en", progress=lambda share, stage: engine.stop())


@pytest.mark.parametrize("name", ["config.json", "model.pth", "vocab.json"])
def test_changed_weights_are_refused(directory, tmp_path, name):
    copy = shutil.copytree(directory, tmp_path / "copy")
    registered = digest_weights(copy)
    with (copy / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(EngineError, match=r"engine\.weights_changed"):
        XttsEngine(copy, registered, "cpu").warm_up()


def test_unregistered_weights_are_refused(directory):
    with pytest.raises(EngineError, match=r"engine\.weights_changed"):
        XttsEngine(directory, {}, "cpu").warm_up()


def test_missing_weights_are_refused(directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "copy")
    (copy / "model.pth").unlink()
    with pytest.raises(EngineError, match=r"engine\.weights_missing"):
        XttsEngine(copy, digest_weights(directory), "cpu").warm_up()


def test_loading_leaves_a_published_checkpoint_as_it_was(tmp_path, slt):
    directory = build_checkpoint(tmp_path / "published", end_bias=1.0, with_configuration=True)
    before = digest_weights(directory)
    load(directory).warm_up()
    assert digest_weights(directory) == before


def test_voice_enrolled_with_other_weights_is_refused(engine, endless_directory, slt):
    stranger = enrol(load(endless_directory), Recording(slt, 24000))
    with pytest.raises(SpeechError, match=r"engine\.model_outdated"):
        engine.speak(stranger.data, LINE, language="en")


def test_bytes_that_are_no_voice_model_are_refused(engine):
    with pytest.raises(SpeechError, match=r"engine\.model_unreadable"):
        engine.speak(b"not a voice model", LINE, language="en")


@pytest.mark.parametrize("text", ["", "…", "“?!”", "[]"])
def test_line_without_words_is_refused(engine, voice, text):
    with pytest.raises(SpeechError, match=r"engine\.nothing_to_say"):
        engine.speak(voice.data, text, language="en")


def test_unknown_language_is_refused(engine, voice, slt):
    with pytest.raises(SpeechError, match=r"engine\.language_unknown"):
        engine.speak(voice.data, LINE, language="ja")
    with pytest.raises(EnrolmentError, match=r"engine\.language_unknown"):
        engine.enrol([Recording(slt, 24000)], language="xx", progress=lambda share, stage: None)


def test_recordings_that_cannot_be_used_are_refused(engine, slt):
    with pytest.raises(EnrolmentError, match=r"engine\.recordings_too_short"):
        enrol(engine, Recording(slt[:24000], 24000))
    with pytest.raises(EnrolmentError, match=r"engine\.recording_silent"):
        enrol(engine, Recording(slt, 24000), Recording(np.zeros(24000, np.float32), 24000))


def test_facts_say_that_weights_are_not_for_commercial_use(engine):
    assert engine.facts.name == "xtts"
    assert engine.facts.commercial_use is False
