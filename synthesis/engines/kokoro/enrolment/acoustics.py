"""What the network calls pitch, energy and duration, measured on real speech."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from consent.hearing.spectra import mel_bank
from synthesis.engines.base import Waveform
from synthesis.engines.kokoro.network import FRAME_SAMPLES, PITCH_FRAME_SAMPLES, SAMPLE_RATE

LOWEST_HZ = 60.0
HIGHEST_HZ = 500.0

_WINDOW = 1200
_BINS_AN_OCTAVE = 48
_UNVOICED_COST = 0.35
_CHANGE_COST = 0.02
_VOICING_COST = 0.3


def measure_pitch(x: Waveform) -> NDArray[np.float32]:
    """Pitch in Hz at 80 Hz frames, 0 where unvoiced, of 24 kHz speech: ``[len(x) // 300 + 1]``.

    YIN's normalised difference (de Cheveigné and Kawahara, 2002) on a logarithmic grid of 60 to 500 Hz, and
    the cheapest path through it (Viterbi), where leaps of pitch and changes of voicing cost.
    """
    octaves = np.log2(HIGHEST_HZ / LOWEST_HZ)
    grid = HIGHEST_HZ * 2 ** (-np.arange(int(octaves * _BINS_AN_OCTAVE) + 1) / _BINS_AN_OCTAVE)
    costs = _normalised_difference(x, SAMPLE_RATE / grid)
    return _cheapest_path(costs, grid).astype(np.float32)


def _normalised_difference(x: Waveform, lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulative mean normalised difference ``[frames, lags]``; near 0 at the period, about 1 for noise."""
    longest = int(np.ceil(lags.max())) + 1
    padded = np.pad(x.astype(np.float64), (_WINDOW // 2 + longest // 2, _WINDOW + longest))
    starts = np.arange(len(x) // PITCH_FRAME_SAMPLES + 1) * PITCH_FRAME_SAMPLES
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW + longest)[starts]
    size = 2 ** int(np.ceil(np.log2(2 * _WINDOW + longest)))
    spectrum = np.fft.rfft(frames, size)
    head = np.fft.rfft(frames[:, :_WINDOW], size)
    product = np.fft.irfft(spectrum * head.conj(), size)[:, : longest + 1]
    power = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    energy = power[:, _WINDOW : _WINDOW + longest + 1] - power[:, : longest + 1]
    difference = np.maximum(0.0, energy[:, :1] + energy - 2 * product)
    running = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, longest + 1)
    # Digital silence repeats itself at every lag; it must count as noise, not as a perfect period.
    normalised = np.where(running > 1e-5, difference[:, 1:] / np.maximum(running, 1e-5), 1.0)
    low = np.floor(lags).astype(int)
    share = lags - low
    # Column j holds lag j + 1.
    return np.asarray((1 - share) * normalised[:, low - 1] + share * normalised[:, low])


def _cheapest_path(costs: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    frames, bins = costs.shape
    reach = _BINS_AN_OCTAVE // 4
    total = costs[0].copy()
    silent = _UNVOICED_COST
    origins = np.zeros((frames, bins + 1), dtype=int)
    for t in range(1, frames):
        padded = np.pad(total, reach, constant_values=np.inf)
        moves = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
        steps = moves + _CHANGE_COST * np.abs(np.arange(-reach, reach + 1))
        best = steps.argmin(axis=1)
        kept = steps[np.arange(bins), best]
        onset = silent + _VOICING_COST
        origins[t, :bins] = np.where(kept <= onset, np.arange(bins) + best - reach, bins)
        offset = int(total.argmin())
        origins[t, bins] = bins if silent <= total[offset] + _VOICING_COST else offset
        silent = min(silent, total[offset] + _VOICING_COST) + _UNVOICED_COST
        total = np.minimum(kept, onset) + costs[t]
    path = np.empty(frames, dtype=int)
    path[-1] = bins if silent < total.min() else int(total.argmin())
    for t in range(frames - 1, 0, -1):
        path[t - 1] = origins[t, path[t]]
    inner = path.clip(1, bins - 2)
    before, at, after = (costs[np.arange(frames), inner + offset] for offset in (-1, 0, 1))
    vertex = (before - after) / (2 * np.maximum(before - 2 * at + after, 1e-6))
    hertz = grid[inner] * 2 ** (-vertex.clip(-0.5, 0.5) / _BINS_AN_OCTAVE)
    return np.where(path < bins, hertz, 0.0)


@cache
def _energy_bank() -> Tensor:
    # StyleTTS 2 trained its energy on torchaudio's default bank, which takes 24 kHz speech for 16 kHz.
    return torch.from_numpy(mel_bank(rate=16_000, n_fft=2048, bands=80, scale="htk"))


def measure_energy(x: Waveform) -> Tensor:
    """Log energy at 80 Hz frames, ``[len(x) // 300 + 1]``, as StyleTTS 2 defines it."""
    window = torch.hann_window(_WINDOW)
    power = torch.stft(
        torch.from_numpy(x), 2048, PITCH_FRAME_SAMPLES, _WINDOW, window=window, return_complex=True
    ).abs()
    return torch.log((_energy_bank() @ power.square() + 1e-5).norm(dim=0))


def align_durations(spoken: Waveform, synthetic: Waveform, durations: Tensor) -> Tensor:
    """Each phoneme's 40 Hz frames in ``spoken``, from the network's own reading of the same words.

    Dynamic time warping of mel cepstra, each side normalised so that the two voices compare.
    """
    ours, theirs = _cepstra(synthetic), _cepstra(spoken)
    path = _warp(1 - ours @ theirs.T)
    frames_a_phoneme_frame = FRAME_SAMPLES / _CEPSTRUM_HOP
    edges = np.concatenate([[0], np.cumsum(durations.numpy())]) * frames_a_phoneme_frame
    warped = np.round(np.interp(edges, path[:, 0], path[:, 1]) / frames_a_phoneme_frame).astype(int)
    warped[0], warped[-1] = 0, int(np.ceil(len(spoken) / FRAME_SAMPLES))
    return torch.from_numpy(np.maximum(1, np.diff(warped)))


_CEPSTRUM_HOP = 150


def _cepstra(x: Waveform) -> NDArray[np.float64]:
    """Unit mel cepstra 1 to 13 at 160 Hz ``[frames, 13]``."""
    window = torch.hann_window(1024)
    power = (
        torch.stft(torch.from_numpy(x), 1024, _CEPSTRUM_HOP, window=window, return_complex=True)
        .abs()
        .square()
    )
    logs = np.log(mel_bank(rate=SAMPLE_RATE, n_fft=1024, bands=64, high=8000.0) @ power.numpy() + 1e-8)
    cosines = np.cos(np.pi / 64 * np.outer(np.arange(1, 14), np.arange(64) + 0.5))
    cepstra = (cosines @ logs).T
    cepstra = (cepstra - cepstra.mean(axis=0)) / cepstra.std(axis=0)
    return np.asarray(cepstra / np.linalg.norm(cepstra, axis=1, keepdims=True))


def _warp(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """Cheapest path ``[steps, 2]`` through a cost matrix; each step advances by (1, 1), (1, 2) or (2, 1).

    Computed a row at a time, so that every step is one numpy operation. Where the slopes of one half to two
    cannot reach the far corner, the path ends at the nearest point that they reach.
    """
    rows, columns = cost.shape
    total = np.full((rows + 2, columns + 2), np.inf)
    total[2, 2] = cost[0, 0]
    moves = np.zeros((rows, columns), dtype=np.int8)
    steps = ((1, 1, 1.0), (1, 2, 1.1), (2, 1, 1.1))
    for i in range(1, rows):
        reached = np.stack(
            [
                total[i + 2 - down, 2 - right : columns + 2 - right] + weight * (down + right - 1) * cost[i]
                for down, right, weight in steps
            ]
        )
        moves[i] = reached.argmin(axis=0)
        total[i + 2, 2:] = reached.min(axis=0)
    i, j = rows - 1, columns - 1
    if not np.isfinite(total[i + 2, j + 2]):
        j = int(np.where(np.isfinite(total[i + 2, 2:]))[0].max(initial=0))
        if not np.isfinite(total[i + 2, j + 2]):
            i = int(np.where(np.isfinite(total[2:, columns + 1]))[0].max(initial=0))
            j = columns - 1
    path = [(rows - 1, columns - 1), (i, j)]
    while i > 0 and j > 0:
        down, right, _ = steps[moves[i, j]]
        i, j = i - down, j - right
        path.append((i, j))
    return np.array(path[::-1])
