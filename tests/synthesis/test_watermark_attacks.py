"""The watermark after what happens to audio on its way: coding, noise, cutting, joining, stretching."""

import io

import numpy as np
import pytest
import soundfile

from synthesis.marking.geometry import resample

RATE = 24000
PAYLOAD = 0x5EED1234


def as_mp3(x):
    file = io.BytesIO()
    soundfile.write(file, x, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.9)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def over_telephone(x):
    file = io.BytesIO()
    soundfile.write(file, resample(x, RATE, 8000), 8000, format="WAV", subtype="ULAW")
    file.seek(0)
    return resample(soundfile.read(file, dtype="float32")[0], 8000, RATE)


def with_noise(x):
    noise = np.random.default_rng(7).standard_normal(len(x)) * np.sqrt(np.mean(x**2) / 100)
    return (x + noise).astype(np.float32)


ATTACKS = {
    "mp3": as_mp3,
    "telephone": over_telephone,
    "noise at 20 dB": with_noise,
    "crop to 2 s": lambda x: x[30_137 : 30_137 + 2 * RATE],
    "a fifth of the volume": lambda x: x * np.float32(0.2),
    "clipped": lambda x: np.clip(2 * x, -1, 1),
    "eight bits": lambda x: np.round(x * 127).astype(np.float32) / 127,
    "reversed polarity": lambda x: -x,
    "silence before": lambda x: np.concatenate([np.zeros(5 * RATE, np.float32), x]),
}


@pytest.fixture(scope="module")
def marked(watermarker, slt, rms):
    x = np.concatenate([slt, rms])
    return watermarker.embed(x, RATE, PAYLOAD)


@pytest.mark.parametrize("name", ATTACKS)
def test_payload_survives(watermarker, marked, name):
    assert watermarker.detect(ATTACKS[name](marked), RATE).payload == PAYLOAD


def test_faster_playback_is_found_only_thoroughly(watermarker, marked):
    faster = resample(marked, 105, 100)
    assert watermarker.detect(faster, RATE).payload is None
    assert watermarker.detect(faster, RATE, thorough=True).payload == PAYLOAD


def test_marked_line_is_found_inside_a_long_file(watermarker, marked, slt):
    unmarked = np.tile(slt, 15)
    x = np.concatenate([unmarked, marked, unmarked])
    assert len(x) > 90 * RATE
    assert watermarker.detect(x, RATE).payload == PAYLOAD
    assert watermarker.detect(np.tile(slt, 30), RATE).payload is None
