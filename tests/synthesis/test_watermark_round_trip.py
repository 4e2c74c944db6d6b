"""The watermark on clean clips: every payload, rate and length comes back, and nothing else ever does."""

import numpy as np
import pytest

from synthesis.marking import watermark
from synthesis.marking.encode import decode, encode
from synthesis.marking.errors import MarkingError
from synthesis.marking.geometry import resample
from synthesis.marking.loudness import normalise
from synthesis.marking.watermark import Watermarker, false_alarm_bound

PAYLOAD = 0xC0FFEE01


@pytest.mark.parametrize("payload", [0, 1, PAYLOAD, 2**32 - 1])
def test_payload_comes_back_from_stored_clip(watermarker, slt, payload):
    marked = watermarker.embed(slt, 24000, payload)
    found = watermarker.detect(*decode(encode(marked, 24000)))
    assert found.payload == payload
    assert found.tag_ok


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_payload_comes_back_at_every_rate(watermarker, rms, rate):
    x = resample(rms, 24000, rate)
    marked = watermarker.embed(x, rate, PAYLOAD)
    assert len(marked) == len(x)
    assert watermarker.detect(marked, rate).payload == PAYLOAD


@pytest.mark.parametrize("seconds", [0.8, 1.0, 1.4, 2.0])
@pytest.mark.parametrize("start", [0.3, 1.0, 1.7])
def test_short_line_is_padded_and_carries_the_payload(watermarker, rms, seconds, start):
    line = normalise(rms[int(start * 24000) : int((start + seconds) * 24000)], 24000)
    marked = watermarker.embed(line, 24000, PAYLOAD)
    assert len(marked) == round(watermark.MIN_SECONDS * 24000)
    assert watermarker.detect(marked, 24000).payload == PAYLOAD


def test_clip_with_long_silences_carries_the_payload(watermarker, slt, rms):
    silence = np.zeros(8 * 24000, np.float32)
    x = np.concatenate([silence, slt[:48000], silence, rms[:24000], silence])
    marked = watermarker.embed(x, 24000, PAYLOAD)
    assert watermarker.detect(marked, 24000).payload == PAYLOAD


def test_marking_stays_close_to_the_original(watermarker, slt):
    pesq = pytest.importorskip("pesq").pesq
    x = normalise(slt, 24000)
    marked = watermarker.embed(x, 24000, PAYLOAD)
    assert pesq(16000, resample(x, 24000, 16000), resample(marked, 24000, 16000), "wb") >= 4.2
    assert np.abs(marked).max() <= 0.98


def test_embedding_is_repeatable(watermarker, rms):
    line = rms[24000:48000]
    assert np.array_equal(watermarker.embed(line, 24000, 7), watermarker.embed(line, 24000, 7))


def test_unmarked_speech_has_no_payload(watermarker, slt, rms):
    for x in (slt, rms):
        found = watermarker.detect(x, 24000, thorough=True)
        assert found.payload is None


def test_another_key_finds_nothing(watermarker, slt):
    marked = watermarker.embed(slt, 24000, PAYLOAD)
    assert Watermarker(b"another key of 32 bytes or so...").detect(marked, 24000).payload is None


@pytest.mark.parametrize(
    "x", [np.zeros(48000, np.float32), np.zeros(0, np.float32), np.zeros(100, np.float32)]
)
def test_silence_is_refused_and_found_unmarked(watermarker, x):
    with pytest.raises(MarkingError, match=r"marking\.silent"):
        watermarker.embed(x, 24000, PAYLOAD)
    assert watermarker.detect(x, 24000) == watermark.Detection(None, 0.0, tag_ok=False)


def test_broken_samples_are_refused(watermarker, slt):
    slt = slt.copy()
    slt[1000] = np.nan
    with pytest.raises(MarkingError, match=r"marking\.silent"):
        watermarker.embed(slt, 24000, PAYLOAD)


def test_clip_that_cannot_carry_the_mark_is_refused(watermarker):
    tone = (0.5 * np.sin(np.arange(3 * 24000) * np.pi / 12)).astype(np.float32)
    with pytest.raises(MarkingError, match=r"marking\.not_detectable"):
        watermarker.embed(tone, 24000, PAYLOAD)


@pytest.mark.parametrize("payload", [-1, 2**32])
def test_payload_outside_32_bits_is_misuse(watermarker, slt, payload):
    with pytest.raises(RuntimeError, match="32 bits"):
        watermarker.embed(slt, 24000, payload)


def test_short_key_is_misuse():
    with pytest.raises(RuntimeError, match="16 bytes"):
        Watermarker(b"too short")


@pytest.mark.parametrize(
    ("messages", "score", "accepted"), [(16, 0.0, True), (17, 8.0, False), (10_000, 10.0, True)]
)
def test_false_alarm_bound_demands_more_of_long_files(messages, score, accepted):
    assert (false_alarm_bound(score, messages) <= watermark.FALSE_ALARM_MAX) is accepted
