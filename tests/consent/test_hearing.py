"""The ears on synthetic voices: the demo's (Flite slt) and Hibari's default, both shipped."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hibari import Hibari

from consent.hearing.activity import speech_segments
from consent.hearing.audio import Waveform, resample
from consent.hearing.speakers import embed_campp, embed_ge2e, similarity
from consent.hearing.words import transcribe, transcribe_timed, word_error_rate

RATE = 24_000
PERMISSION = "I give permission for my voice to be used to generate speech for this project."
DEMO_VOICE = Path(__file__).parents[2] / "portal/demo/voice"


def demo_line(number: int) -> Waveform:
    samples, rate = soundfile.read(DEMO_VOICE / f"line-{number:02d}.flac", dtype="float32")
    assert rate == RATE
    return samples


@pytest.fixture(scope="module")
def another_speaker() -> Waveform:
    return np.asarray(Hibari(threads=1)(PERMISSION), dtype=np.float32)


@pytest.mark.parametrize(("embed", "same", "other"), [(embed_ge2e, 0.85, 0.82), (embed_campp, 0.80, 0.65)])
def test_one_speaker_is_nearer_to_themself_than_to_another(embed, same, other, another_speaker):
    first, second, stranger = (
        embed(demo_line(1), RATE),
        embed(demo_line(2), RATE),
        embed(another_speaker, RATE),
    )

    assert np.isclose(np.linalg.norm(first), 1, atol=1e-5)
    assert similarity(first, second) > same
    assert similarity(first, stranger) < other


@pytest.mark.parametrize("embed", [embed_ge2e, embed_campp])
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_sample_rate_and_volume_do_not_change_who_speaks(embed, rate):
    wide = embed(demo_line(3), RATE)

    assert similarity(wide, embed(0.1 * resample(demo_line(3), RATE, rate), rate)) > 0.97


@pytest.mark.parametrize(("embed", "least"), [(embed_ge2e, 0.80), (embed_campp, 0.60)])
def test_telephone_speech_still_sounds_like_its_speaker(embed, least):
    narrow = resample(demo_line(3), RATE, 8_000)

    assert similarity(embed(demo_line(2), RATE), embed(narrow, 8_000)) > least


def test_words_are_heard_with_their_times():
    speech = demo_line(9)

    words = transcribe_timed(speech, RATE)

    assert word_error_rate(PERMISSION, transcribe(speech, RATE)) == 0
    assert word_error_rate(PERMISSION, " ".join(word.text for word in words)) == 0
    assert all(0 <= a.start <= a.end <= b.end <= len(speech) / RATE + 0.1 for a, b in pairwise(words))


def test_speech_is_found_between_silences():
    speech = demo_line(4)
    silence = np.zeros(RATE, dtype=np.float32)

    spans = speech_segments(np.concatenate([silence, speech, silence]), RATE)

    assert abs(spans[0][0] - 1) < 0.25
    assert abs(spans[-1][1] - (1 + len(speech) / RATE)) < 0.25


@pytest.mark.parametrize("seconds", [0.0, 0.02, 2.0])
def test_silence_holds_no_speech_and_no_words(seconds):
    silence = np.zeros(int(seconds * RATE), dtype=np.float32)

    assert speech_segments(silence, RATE) == []
    assert word_error_rate("", transcribe(silence, RATE)) in (0.0, 1.0)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [
        ("Close the window.", "close the window", 0.0),
        ("Close the window.", "close a window", 1 / 3),
        ("Close the window.", "", 1.0),
        ("We drove 3 km on the 21st.", "we drove three kilometers on the twenty first", 0.0),
        ("Dr. Smith paid $12.50.", "doctor smith paid twelve dollars and fifty cents", 0.0),
        ("Up 5% in 1999", "up five percent in nineteen ninety-nine", 0.0),
        ("her notebook is full", "her note book is full", 0.0),
        ("", "", 0.0),
        ("", "thank you", 1.0),
    ],
)
def test_word_error_rate_counts_words_and_forgives_spelling(reference, hypothesis, rate):
    assert word_error_rate(reference, hypothesis) == pytest.approx(rate)


STEREO, DOUBLE, BROKEN = np.zeros((2, 9), np.float32), np.zeros(9), np.full(9, np.nan, np.float32)


@pytest.mark.parametrize("bad", [STEREO, DOUBLE, BROKEN])
def test_anything_but_a_mono_float32_waveform_is_a_mistake_of_the_caller(bad):
    with pytest.raises(AssertionError, match="want"):
        embed_ge2e(bad, RATE)
