"""Blind detection: find the tile by its pilots, fold its repetitions, decode, check the tag. No torch."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft
from scipy.ndimage import correlate

from synthesis.marking import geometry
from synthesis.marking.convolution import CODE_SYMBOLS, decode, encode
from synthesis.marking.geometry import Cells, Samples, Tile

CANDIDATES = 8  # alignments decoded in one pass
_HOP = 32  # samples; alignment is searched in steps of this, 4 ms
_FRAMES = geometry.SLOT // _HOP
_STRETCH_LIMIT = 0.115  # playing at 0.9 of the speed lengthens by 0.111


@dataclass(frozen=True)
class Alignment:
    """Where and how stretched a tile lies: pilot score (in standard deviations), offset in hops, first slot's
    place in the tile, and the factors by which time and frequency were stretched."""

    pilot: float
    offset: float
    phase: int
    time: float
    frequency: float


@dataclass(frozen=True)
class Reading:
    """A decoded message: payload, whether its tag is right, and the code correlation (at most 16.2).

    The correlation is that of the sent symbols with the received ones, over the latter's norm. Under the
    hypothesis "no mark of this key" a given codeword reaches c with probability at most exp(-c²/2), whatever
    the audio (Hoeffding: the keyed scrambling makes the signs independent and fair).
    """

    payload: int
    tag_ok: bool
    score: float


class Detector:
    def __init__(self, tile: Tile) -> None:
        self._tile = tile
        pilots = tile.sign * tile.is_pilot
        self._pilot_spectrum = np.conj(np.fft.fft(pilots, axis=0))
        self._pilot_place_spectrum = np.conj(np.fft.fft(tile.is_pilot.astype(float), axis=0))

    def read(self, x: Samples, stretches: Iterable[tuple[float, float]] = ((1.0, 1.0),)) -> list[Reading]:
        """Readings at the likeliest alignments of ``x`` (mono at geometry.RATE), best tag and score first."""
        if len(x) < 4 * geometry.SLOT or not x.any():
            return []
        energy = _Energy(x / np.abs(x).max())
        found: list[Alignment] = []
        for time, frequency in stretches:
            step = 1.0 if time == frequency == 1.0 else 2.0
            found += self._search(energy, time, frequency, step)
        found.sort(key=lambda a: a.pilot, reverse=True)
        readings = self._decode(energy, found[:CANDIDATES])
        return sorted(readings, key=lambda r: (r.tag_ok, r.score), reverse=True)

    def _search(self, energy: "_Energy", time: float, frequency: float, step: float) -> list[Alignment]:
        """The best phase-and-offset alignments at one stretch, neighbours of a better one left out."""
        offsets = np.arange(0, _FRAMES * time, step)
        score = np.empty((geometry.SLOTS, len(offsets)))
        for column, offset in enumerate(offsets):
            contrast, weight = energy.cells(offset, time, frequency)
            lean = _fold(contrast * weight, 0)
            power = _fold((contrast * weight) ** 2, 0)
            match = np.fft.ifft((np.fft.fft(lean, axis=0) * self._pilot_spectrum).sum(1)).real
            scatter = np.fft.ifft((np.fft.fft(power, axis=0) * self._pilot_place_spectrum).sum(1)).real
            score[:, column] = match / np.sqrt(np.maximum(scatter, 1e-9))
        # Shift n of the correlation is a tile that began n slots in: together with the offset, one time axis.
        along = score.ravel()
        peaks = np.flatnonzero((along >= np.roll(along, 1)) & (along > np.roll(along, -1)))
        best = peaks[np.argsort(along[peaks])[::-1][:CANDIDATES]]
        shifts, columns = np.divmod(best, len(offsets))
        return [
            Alignment(along[i], offsets[column], -shift % geometry.SLOTS, time, frequency)
            for i, shift, column in zip(best, shifts, columns, strict=True)
        ]

    def _decode(self, energy: "_Energy", alignments: list[Alignment]) -> list[Reading]:
        tile = self._tile
        soft = np.empty((len(alignments), CODE_SYMBOLS))
        for row, found in zip(soft, alignments, strict=True):
            contrast, weight = energy.cells(found.offset, found.time, found.frequency)
            lean = _fold(contrast * weight, found.phase) * tile.sign
            sums = np.bincount(tile.symbol.ravel(), lean.ravel(), minlength=tile.symbols)
            row[:] = sums[tile.pilots :] * tile.scramble
        soft /= np.sqrt(np.mean(soft**2, axis=1, keepdims=True)) + 1e-9
        readings = []
        for row, message in zip(soft, decode(soft), strict=True):
            payload, tag = message >> geometry.TAG_BITS, message & (1 << geometry.TAG_BITS) - 1
            score = float(encode(message) @ row / np.sqrt(CODE_SYMBOLS))
            readings.append(Reading(payload, tag == tile.tag(payload), score))
        return readings


def stretches() -> list[tuple[float, float]]:
    """Time and frequency factors of tempo, pitch and speed changes up to 10 % in steps of 0.5 %."""
    steps = round(_STRETCH_LIMIT / 0.005)
    factors = [1 + 0.005 * k for k in range(-steps, steps + 1) if k]
    return [pair for a in factors for pair in ((a, 1.0), (1.0, a), (a, 1 / a))]


class _Energy:
    """Energy of any box in time and frequency, from a summed-area table of the power spectrum."""

    def __init__(self, x: Samples) -> None:
        half = geometry.WINDOW // 2
        frames = sliding_window_view(np.pad(x, half, mode="reflect"), geometry.WINDOW)[::_HOP]
        window = np.hanning(geometry.WINDOW + 1)[:-1].astype(np.float32)
        bins = int((1 + _STRETCH_LIMIT + 0.01) * geometry.LAST_BIN) + 4
        spectrum = rfft(frames * window, axis=1)[:, :bins]
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float64)
        self._table = np.pad(power.cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def cells(self, offset: float, time: float, frequency: float) -> tuple[Cells, Cells]:
        """Contrast and weight of the cells (slots x BANDS) of a grid that begins ``offset`` hops in."""
        table = self._table
        slot = _FRAMES * time
        slots = int((len(table) - 1 - offset) // slot)
        edges = offset + np.arange(slots + 1) * slot
        low = np.minimum(edges.astype(int), len(table) - 2)
        part = (edges - low)[:, None]
        rows = table[low] * (1 - part) + table[low + 1] * part
        edges = (
            geometry.FIRST_BIN + np.arange(geometry.BANDS + 1) * geometry.BAND_BINS - 0.5
        ) * frequency + 0.5
        low = np.minimum(edges.astype(int), table.shape[1] - 2)
        part = edges - low
        energy = np.diff(np.diff(rows[:, low] * (1 - part) + rows[:, low + 1] * part, axis=0), axis=1)
        energy = np.maximum(energy / max(energy.max(), 1e-12), 1e-12)
        level = np.log(energy + geometry.FLOOR)
        difference = level - correlate(level, geometry.NEIGHBOURS, mode="nearest")
        contrast = geometry.CONTRAST_LIMIT * np.tanh(difference / geometry.CONTRAST_LIMIT)
        decibels = 10 * np.log10(energy)
        weight = np.clip((decibels - geometry.WEIGHT_FROM_DB) / geometry.WEIGHT_SPAN_DB, 0, 1)
        return contrast, weight


def _fold(cells: Cells, phase: int) -> Cells:
    """Sum of the tile's repetitions (SLOTS x BANDS) when the first row is the tile's slot ``phase``."""
    filled = np.pad(cells, ((phase, -(phase + len(cells)) % geometry.SLOTS), (0, 0)))
    folded: Cells = filled.reshape(-1, geometry.SLOTS, geometry.BANDS).sum(0)
    return folded
