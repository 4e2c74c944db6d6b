"""Decoding in the limited child process, and the plain words for what it refuses."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consent.errors import AudioError

MAX_BYTES = 50 * 1024 * 1024
WALL_SECONDS = 30
DECODER = Path(__file__).with_name("decode.py")

REFUSALS: dict[str, tuple[str, str]] = {
    "audio.empty": ("The file is empty.", "Choose the recording again."),
    "audio.too_large": ("The file is larger than 50 MB.", "Send it in parts of up to two minutes."),
    "audio.not_audio": (
        "This is not a recording that can be read here.",
        "Send a WAV, FLAC, MP3 or Ogg file.",
    ),
    "audio.truncated": (
        "The file ends before the recording does.",
        "It was probably cut off while being copied: send it again.",
    ),
    "audio.rate_not_supported": (
        "The recording has {sample_rate} samples a second; 8,000 to 48,000 can be used.",
        "Save it at 24 or 48 kHz.",
    ),
    "audio.too_many_channels": (
        "The recording has {channels} channels; one or two can be used.",
        "Save it in mono or stereo.",
    ),
    "audio.too_short": (
        "The recording is {seconds} seconds long; at least 2 are needed.",
        "Record a whole sentence or more.",
    ),
    "audio.too_long": (
        "The recording is {seconds} seconds long; at most 120 can be used.",
        "Send it in parts of up to two minutes.",
    ),
    "audio.silent": ("The recording is silent.", "Check that the right microphone is on, and record again."),
    "audio.too_quiet": (
        "The recording is too quiet ({loudness_lufs} LUFS; -45 is the least).",
        "Move closer to the microphone or turn its level up.",
    ),
    "audio.clipped": (
        "The recording is overdriven: its loudest parts are cut off.",
        "Turn the microphone's level down and record again.",
    ),
    "audio.not_decodable": (
        "Reading the file took more time or memory than a recording ever should.",
        "Save it again with another program, as WAV or FLAC.",
    ),
    "audio.too_little_speech": (
        "There is too little speech in the recording.",
        "Read a few sentences without long pauses.",
    ),
    "audio.two_speakers": (
        "More than one person seems to speak.",
        "Send a recording in which only the owner of the voice is heard.",
    ),
    "audio.other_speaker": (
        "This does not sound like the person in the recordings that were accepted before.",
        "Check whose recording it is. If the earlier ones are wrong, remove them first.",
    ),
    "audio.duplicate": ("This recording is here already.", "Send another one."),
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A recording as canonical FLAC (24 kHz, mono, 16 bit), and what it was before."""

    flac: bytes
    seconds: float
    sample_rate: int
    channels: int
    loudness_lufs: float
    clipping_share: float


def refusal(code: str, **figures: Any) -> AudioError:
    message, remedy = REFUSALS[code]
    return AudioError(code, message.format(**figures), remedy)


def decode_recording(data: bytes) -> Decoded:
    """Decode and check bytes of unknown origin; see `consent.intake.decode`.

    Raises:
        AudioError: ``audio.empty``, ``.too_large``, ``.not_audio``, ``.truncated``, ``.rate_not_supported``,
            ``.too_many_channels``, ``.too_short``, ``.too_long``, ``.silent``, ``.too_quiet``, ``.clipped``,
            ``.not_decodable`` (the process died or was stopped).
    """
    if not data:
        raise refusal("audio.empty")
    if len(data) > MAX_BYTES:
        raise refusal("audio.too_large")
    try:
        finished = subprocess.run(
            [sys.executable, "-I", str(DECODER)],
            input=data,
            capture_output=True,
            timeout=WALL_SECONDS,
            # One thread each: thread pools would reserve memory by the gigabyte.
            env={"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise refusal("audio.not_decodable") from None
    line, _, flac = finished.stdout.partition(b"\n")
    if finished.returncode or not line:
        raise refusal("audio.not_decodable")
    answer = json.loads(line)
    if not answer.pop("ok"):
        code = answer.pop("code")
        raise refusal(code, **answer)
    return Decoded(flac=flac, **answer)
