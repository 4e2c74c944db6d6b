"""The boundary every waveform crosses before a model hears it."""

import os
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

Waveform = NDArray[np.float32]
Embedding = NDArray[np.float32]

LISTENING_RATE = 16_000
"""Hz. All three models here were trained on 16 kHz speech."""


def assert_waveform(x: Any, rate: int) -> None:
    """Mono float32 of finite samples, 8 to 96 kHz; anything else is a mistake of the caller."""
    assert isinstance(x, np.ndarray), f"want a waveform, got {type(x)}"
    assert x.ndim == 1, f"want a mono waveform, got shape {x.shape}"
    assert x.dtype == np.float32, f"want float32 samples, got {x.dtype}"
    assert 8_000 <= rate <= 96_000, f"want 8 to 96 kHz, got {rate} Hz"
    assert np.isfinite(x).all(), "want finite samples"


def resample(x: Waveform, rate: int, target: int) -> Waveform:
    """The same sound at ``target`` Hz."""
    if rate == target:
        return x
    return np.asarray(soxr.resample(x, rate, target), dtype=np.float32)


def thread_count() -> int:
    """Threads a model may use."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))
