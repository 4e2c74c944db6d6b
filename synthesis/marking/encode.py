"""Clips to file bytes and back: 16-bit mono FLAC and WAV."""

import io

import numpy as np
import soundfile

from synthesis.marking.geometry import Samples, require_mono

_CONTAINERS = {"audio/flac": "FLAC", "audio/wav": "WAV"}
MEDIA_TYPES = tuple(_CONTAINERS)


def encode(x: Samples, rate: int, media: str = "audio/flac") -> bytes:
    """File bytes of a clip in one of MEDIA_TYPES.

    The clip must lie within [-1, 1]: clipping here would be silent damage, so it is an AssertionError.
    """
    require_mono(x, rate)
    assert np.abs(x).max(initial=0) <= 1, f"expected samples in [-1, 1], got a peak of {np.abs(x).max():.3f}"
    file = io.BytesIO()
    soundfile.write(file, x, rate, format=_CONTAINERS[media], subtype="PCM_16")
    return file.getvalue()


def decode(data: bytes) -> tuple[Samples, int]:
    """Samples (mono float32) and rate of bytes that ``encode`` wrote; never for what others made."""
    x, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    require_mono(x, rate)
    return x, rate
