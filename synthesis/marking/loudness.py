"""Loudness by ITU-R BS.1770-4 and true peak, brought to what a release asks for."""

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from scipy.signal import resample_poly

from synthesis.marking.errors import MarkingError
from synthesis.marking.geometry import Samples, require_mono

_OVERSAMPLING = 4  # BS.1770 annex 2
_BLOCK_SECONDS = 0.4
_REACH_SECONDS = 0.005  # how far ahead and behind a peak the limiter turns down
_LIMITER_PASSES = 4
_SAFETY_DB = 0.05
_LOUDNESS_PASSES = 3


def measure_loudness(x: Samples, rate: int) -> float:
    """Integrated loudness in LUFS, minus infinity for silence. A clip under 0.4 s is one block."""
    require_mono(x, rate)
    meter = pyloudnorm.Meter(rate, block_size=min(_BLOCK_SECONDS, len(x) / rate))
    with np.errstate(divide="ignore"):
        return float(meter.integrated_loudness(x.astype(np.float64)))


def measure_true_peak(x: Samples, rate: int) -> float:
    """True peak in dB relative to full scale (dBTP), by four-fold oversampling."""
    require_mono(x, rate)
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(_envelope(x).max(initial=0)))


def normalise(x: Samples, rate: int, lufs: float = -16.0, peak_db: float = -1.0) -> Samples:
    """The clip at ``lufs``, its true peak at most ``peak_db`` dBTP, same length.

    Peaks that stick out are turned down for a few milliseconds by a look-ahead limiter; what loudness that
    costs is made up. Raises MarkingError ``marking.silent`` when there is nothing to bring up.
    """
    loudness = measure_loudness(x, rate)
    if not np.isfinite(loudness):
        raise MarkingError("marking.silent", "The clip has no measurable loudness.", "Speak the line again.")
    gain_db = lufs - loudness
    for _ in range(_LOUDNESS_PASSES):
        levelled = _limit((x * 10 ** (gain_db / 20)).astype(np.float32), rate, peak_db)
        missing = lufs - measure_loudness(levelled, rate)
        if abs(missing) < 0.1:
            break
        gain_db += missing
    return levelled


def _limit(x: Samples, rate: int, peak_db: float) -> Samples:
    """Turns ``x`` down around every true peak above ``peak_db``.

    The gain each sample needs is spread by a running minimum and smoothed by a window no longer than the
    minimum's reach, so that no sample ends above what it needs. Changing gain moves peaks between samples a
    little, hence the passes.
    """
    ceiling = 10 ** ((peak_db - _SAFETY_DB) / 20)
    reach = round(_REACH_SECONDS * rate)
    window = np.hanning(2 * reach + 3)[1:-1]
    for _ in range(_LIMITER_PASSES):
        envelope = _envelope(x)
        if envelope.max() <= ceiling:
            break
        needed = minimum_filter1d(np.minimum(1, ceiling / np.maximum(envelope, ceiling)), 2 * reach + 1)
        gain = np.convolve(np.pad(needed, reach, mode="edge"), window / window.sum(), mode="valid")
        x = (x * gain).astype(np.float32)
    return x


def _envelope(x: Samples) -> NDArray[np.float64]:
    """The largest magnitude around each sample, between samples included."""
    dense = np.abs(resample_poly(x.astype(np.float64), _OVERSAMPLING, 1)).reshape(len(x), _OVERSAMPLING)
    after = dense.max(axis=1)
    around: NDArray[np.float64] = np.maximum(after, np.roll(after, 1))
    return around
