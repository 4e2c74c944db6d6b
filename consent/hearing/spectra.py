"""Mel filter banks in the three dialects that shipped speech models were trained on."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scale = Literal["slaney", "htk", "kaldi"]

_LINEAR_HZ = 200 / 3
_LOG_START_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def _slaney(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _LOG_START_HZ / _LINEAR_HZ + np.log(np.maximum(hz, _LOG_START_HZ) / _LOG_START_HZ) / _LOG_STEP
    return np.where(hz < _LOG_START_HZ, hz / _LINEAR_HZ, above)


def _slaney_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    start = _LOG_START_HZ / _LINEAR_HZ
    return np.where(mel < start, mel * _LINEAR_HZ, _LOG_START_HZ * np.exp(_LOG_STEP * (mel - start)))


def _htk(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(hz / 700.0)


def _htk_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700.0 * np.expm1(mel / 1127.0)


def mel_bank(
    *, rate: int, n_fft: int, bands: int, low: float = 0.0, high: float | None = None, scale: Scale = "slaney"
) -> NDArray[np.float32]:
    """Triangular filters over FFT bins: ``[bands, n_fft // 2 + 1]``.

    ``slaney`` (librosa's default) scales each filter to unit area; ``htk`` leaves peaks at one; ``kaldi``
    is htk with triangles drawn on the mel axis instead of in Hz and the Nyquist bin left out.
    """
    to_mel: Callable[..., NDArray[np.float64]] = _slaney if scale == "slaney" else _htk
    to_hz = _slaney_to_hz if scale == "slaney" else _htk_to_hz
    bins = np.arange(n_fft // 2 + 1) * rate / n_fft
    limits = to_mel(np.array([low, high or rate / 2]))
    edges = np.linspace(limits[0], limits[1], bands + 2)
    axis = to_mel(bins) if scale == "kaldi" else bins
    if scale != "kaldi":
        edges = to_hz(edges)
    rising = (axis - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - axis) / np.diff(edges)[1:, None]
    bank = np.maximum(0.0, np.minimum(rising, falling))
    if scale == "slaney":
        bank *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    if scale == "kaldi":
        bank[:, -1] = 0.0
    return bank.astype(np.float32)
