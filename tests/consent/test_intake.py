"""Strangers' audio: every kind of it that can be used, and every kind that cannot, by its code."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr

from consent.errors import AudioError
from consent.intake import decode, sandbox
from consent.intake.sandbox import DECODER, MAX_BYTES, REFUSALS, decode_recording
from tests.consent.conftest import RATE, encoded, speech, voice_file


@pytest.fixture(scope="module")
def sentence() -> np.ndarray:
    return speech("slt", 0)


@pytest.mark.parametrize(
    ("format", "subtype", "rate", "channels"),
    [
        ("WAV", "PCM_16", 8_000, 1),
        ("WAV", "FLOAT", 48_000, 2),
        ("WAV", "ULAW", 8_000, 1),
        ("FLAC", None, 44_100, 2),
        ("MP3", None, 44_100, 1),
        ("MP3", None, 16_000, 2),
        ("OGG", "VORBIS", 24_000, 1),
        ("OGG", "OPUS", 48_000, 1),
    ],
)
def test_common_files_become_canonical(
    sentence: np.ndarray, format: str, subtype: str | None, rate: int, channels: int
) -> None:
    samples = soxr.resample(sentence, RATE, rate)
    decoded = decode_recording(encoded(np.stack([samples] * channels, axis=1), rate, format, subtype))
    assert (decoded.sample_rate, decoded.channels) == (rate, channels)
    assert decoded.seconds == pytest.approx(len(sentence) / RATE, abs=0.1)
    assert -30 < decoded.loudness_lufs < -10
    # STREAMINFO: 24,000 Hz, one channel, 16 bits (RFC 9639, section 8.2).
    packed = int.from_bytes(decoded.flac[18:26], "big")
    assert (packed >> 44, (packed >> 41) & 7, (packed >> 36) & 31) == (24_000, 0, 15)


def wav_declaring(frames_bytes: int) -> bytes:
    data = bytearray(encoded(np.zeros(1000, np.float32) + 0.1))
    struct.pack_into("<I", data, data.index(b"data") + 4, frames_bytes)
    return bytes(data)


def flac_declaring(frames: int) -> bytes:
    """A FLAC whose header promises `frames` frames."""
    data = bytearray(voice_file("slt", 0))
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36
    data[18:26] = (packed | frames).to_bytes(8, "big")
    return bytes(data)


def bad_audio(kind: str) -> bytes:
    one = speech("slt", 0)
    match kind:
        case "empty":
            return b""
        case "text":
            return b"This is a shopping list, not a sound.\n" * 40
        case "png":
            return b"\x89PNG\r\n\x1a\n" + bytes(4000)
        case "playlist":
            return b"#EXTM3U\nhttp://192.0.2.1/secret\n"
        case "mp4":
            return b"\0\0\0\x20ftypM4A " + bytes(4000)
        case "random after a magic":
            return b"fLaC" + np.random.default_rng(1).bytes(5000)
        case "wav cut in half" | "flac cut in half" | "mp3 cut in half" | "ogg cut in half":
            whole = encoded(one, format=kind.split()[0].upper())
            return whole[: len(whole) // 2]
        case "wav without data":
            return encoded(one)[:40]
        case "wav declaring 4 GB":
            return wav_declaring(0xF0000000)
        case "flac declaring 18 days":
            return flac_declaring((1 << 36) - 1)
        case "silent":
            return encoded(np.zeros(4 * RATE, np.float32))
        case "quiet":
            return encoded(one * 0.003, subtype="FLOAT")
        case "out of phase":
            return encoded(np.stack([one, -one], axis=1))
        case "clipped":
            return encoded(np.clip(one * 12, -1, 1))
        case "not numbers":
            return encoded(np.full(4 * RATE, np.nan, np.float32), subtype="FLOAT")
        case "one second":
            return encoded(one[:RATE])
        case "two minutes and a bit":
            return encoded(np.resize(one, 121 * RATE), format="FLAC")
        case "96 kHz":
            return encoded(one, rate=96_000)
        case "four channels":
            return encoded(np.stack([one] * 4, axis=1))
    raise AssertionError(kind)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("empty", "audio.empty"),
        ("text", "audio.not_audio"),
        ("png", "audio.not_audio"),
        ("playlist", "audio.not_audio"),
        ("mp4", "audio.not_audio"),
        ("random after a magic", "audio.truncated"),
        ("wav cut in half", "audio.truncated"),
        ("flac cut in half", "audio.truncated"),
        ("mp3 cut in half", "audio.truncated"),
        ("ogg cut in half", "audio.truncated"),
        ("wav without data", "audio.truncated"),
        ("wav declaring 4 GB", "audio.truncated"),
        ("flac declaring 18 days", "audio.too_long"),
        ("silent", "audio.silent"),
        ("quiet", "audio.too_quiet"),
        ("out of phase", "audio.too_quiet"),
        ("clipped", "audio.clipped"),
        ("not numbers", "audio.not_audio"),
        ("one second", "audio.too_short"),
        ("two minutes and a bit", "audio.too_long"),
        ("96 kHz", "audio.rate_not_supported"),
        ("four channels", "audio.too_many_channels"),
    ],
)
def test_unusable_audio_is_refused_by_its_code(kind: str, code: str) -> None:
    with pytest.raises(AudioError) as refused:
        decode_recording(bad_audio(kind))
    assert refused.value.code == code
    assert "{" not in refused.value.message
    assert refused.value.remedy


def test_more_than_50_mb_is_refused_before_anything_reads_it() -> None:
    with pytest.raises(AudioError, match=r"audio\.too_large"):
        decode_recording(bytes(MAX_BYTES + 1))


def test_a_decoder_that_dies_is_a_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dying = tmp_path / "dying.py"
    dying.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(sandbox, "DECODER", dying)
    with pytest.raises(AudioError, match=r"audio\.not_decodable"):
        decode_recording(b"RIFF")


def test_a_decoder_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(sandbox, "DECODER", hanging)
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 1)
    with pytest.raises(AudioError, match=r"audio\.not_decodable"):
        decode_recording(b"RIFF")


def test_inside_the_sandbox_nothing_can_be_opened_and_no_limit_raised() -> None:
    """Runs the decoder's own preparations, then tries what an attacker would."""
    attempt = f"""
import resource, runpy, socket, sys
decoder = runpy.run_path({str(DECODER)!r})
decoder["limit_resources"]()
decoder["load_libraries"]()
decoder["shut_in"]()
def tried(action):
    try:
        action()
    except (OSError, ValueError, MemoryError) as error:
        return type(error).__name__
    return "worked"
sys.stdout.write(" ".join([
    tried(lambda: open("/etc/passwd")),
    tried(lambda: socket.socket()),
    tried(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))),
    tried(lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))),
    tried(lambda: bytearray(1 << 31)),
]))
sys.stdout.flush()
import os
os._exit(0)
"""
    finished = subprocess.run(
        [sys.executable, "-I", "-c", attempt],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1"},
        check=True,
    )
    assert finished.stdout == "OSError OSError ValueError ValueError MemoryError", finished.stderr


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.01])
def test_loudness_agrees_with_a_second_meter(sentence: np.ndarray, gain: float) -> None:
    import pyloudnorm

    x = np.concatenate([sentence * gain, np.zeros(3 * RATE, np.float32)])
    expected = pyloudnorm.Meter(RATE).integrated_loudness(x.astype(np.float64))
    assert decode.integrated_loudness(x) == pytest.approx(expected, abs=0.1)


def test_every_code_has_its_sentence_and_remedy() -> None:
    for code, (message, remedy) in REFUSALS.items():
        assert code.startswith("audio.")
        assert message.endswith(".")
        assert remedy.endswith(".")
