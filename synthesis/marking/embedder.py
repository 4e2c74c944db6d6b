"""Informed embedding: the mark is fitted to what the detector will compute on this very clip.

Each cell gets a gain in nepers, at first simply its sign. Adam then lowers a loss that has two terms: how far
each symbol's statistic, as the detector computes it after resynthesis, falls short of a margin, and how large
the gains are. Loud, textured cells carry much, smooth ones little, and the clip stays close to the original.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from synthesis.marking import geometry
from synthesis.marking.convolution import encode
from synthesis.marking.geometry import Samples, Tile

_HOP = 64
_FRAMES = geometry.SLOT // _HOP  # a slot
_STEPS = 10
_LEARNING_RATE = 0.09
_START_GAIN = 0.25
_PENALTY_SCALE = 0.3  # nepers
_STEEPNESS = 4.0
_SILENT_SYMBOL = 0.05  # a symbol whose cells weigh less than this in all cannot be carried here


@dataclass(frozen=True)
class Strength:
    """How hard to push: wanted margin of each symbol's statistic, largest gain in nepers, price of gain."""

    margin: float
    gain_limit: float
    penalty: float


class Embedder:
    def __init__(self, tile: Tile) -> None:
        self._tile = tile

    def embed(self, x: Samples, payload: int, strength: Strength) -> Samples:
        """What to add to ``x`` (mono at geometry.RATE) to make it carry ``payload``; same length as ``x``."""
        clip = torch.from_numpy(np.pad(x, (0, -len(x) % geometry.SLOT)))
        slots = len(clip) // geometry.SLOT
        spectrum = _spectrum(clip)
        energy = _cell_energy(_power(spectrum), slots)
        loudest = energy.max()
        decibels = 10 * torch.log10(energy / loudest + 1e-12)
        weight = ((decibels - geometry.WEIGHT_FROM_DB) / geometry.WEIGHT_SPAN_DB).clamp(0, 1)

        wanted = self._wanted(payload, slots)
        symbol, count = self._symbol_of_cell(slots)
        carried = torch.zeros(count).index_add_(0, symbol, weight.reshape(-1))
        audible = carried > _SILENT_SYMBOL
        spread = _Spread(slots, spectrum.shape[1])

        gain = (_START_GAIN * wanted).requires_grad_(True)
        optimiser = torch.optim.Adam([gain], lr=_LEARNING_RATE)
        for _ in range(_STEPS):
            marked = spread.apply(gain, spectrum, len(clip))
            energy = _cell_energy(_power(_spectrum(marked)), slots)
            contrast = _contrast(torch.log(energy + geometry.FLOOR * loudest))
            statistic = torch.zeros(count).index_add_(0, symbol, (contrast * weight * wanted).reshape(-1))
            statistic = statistic / (carried.sqrt() + 0.3)
            shortfall = functional.softplus(_STEEPNESS * (strength.margin - statistic))[audible].sum()
            price = strength.penalty * (gain / _PENALTY_SCALE).square().mean()
            loss = shortfall / (_STEEPNESS * count) + price
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            with torch.no_grad():
                gain.clamp_(-strength.gain_limit, strength.gain_limit)
        with torch.no_grad():
            return (spread.apply(gain, spectrum, len(clip)) - clip).numpy()[: len(x)]

    def _wanted(self, payload: int, slots: int) -> torch.Tensor:
        """slots x BANDS of ±1: which way each cell should lean."""
        tile = self._tile
        message = payload << geometry.TAG_BITS | tile.tag(payload)
        symbols = np.concatenate([np.ones(tile.pilots), encode(message) * tile.scramble])
        return _repeat(symbols[tile.symbol] * tile.sign, slots).float()

    def _symbol_of_cell(self, slots: int) -> tuple[torch.Tensor, int]:
        """A number for each cell (flat), one per symbol and repetition; how many there are."""
        repetition = torch.arange(slots) // geometry.SLOTS
        symbol = _repeat(self._tile.symbol, slots) + repetition[:, None] * self._tile.symbols
        return symbol.reshape(-1), (int(repetition[-1]) + 1) * self._tile.symbols


class _Spread:
    """Cell gains to spectrum gains: constant within a slot but for a linear ramp of 0.6 slots between two."""

    def __init__(self, slots: int, frames: int) -> None:
        position = torch.arange(frames) / _FRAMES - 0.5
        before = position.floor()
        self._before = before.long().clamp(0, slots - 1)
        self._after = (before.long() + 1).clamp(max=slots - 1)
        self._share = ((position - before - 0.2) / 0.6).clamp(0, 1)[:, None]

    def apply(self, gain: torch.Tensor, spectrum: torch.Tensor, length: int) -> torch.Tensor:
        by_frame = gain[self._before] * (1 - self._share) + gain[self._after] * self._share
        factor = by_frame.repeat_interleave(geometry.BAND_BINS, dim=1).T.exp()
        above = spectrum.shape[0] - geometry.LAST_BIN
        factor = functional.pad(factor, (0, 0, geometry.FIRST_BIN, above), value=1.0)
        return torch.istft(
            spectrum * factor, geometry.WINDOW, _HOP, window=torch.hann_window(geometry.WINDOW), length=length
        )


def _spectrum(x: torch.Tensor) -> torch.Tensor:
    return torch.stft(
        x, geometry.WINDOW, _HOP, window=torch.hann_window(geometry.WINDOW), return_complex=True
    )


def _power(spectrum: torch.Tensor) -> torch.Tensor:
    return spectrum.real.square() + spectrum.imag.square()


def _cell_energy(power: torch.Tensor, slots: int) -> torch.Tensor:
    """Power (bins x frames) to cell energy (slots x BANDS); a slot spans its frames by the trapezoid rule."""
    band = (
        power[geometry.FIRST_BIN : geometry.LAST_BIN].reshape(geometry.BANDS, geometry.BAND_BINS, -1).sum(1)
    )
    between = 0.5 * (band[:, :-1] + band[:, 1:])
    return between[:, : slots * _FRAMES].reshape(geometry.BANDS, slots, _FRAMES).sum(2).T


def _contrast(level: torch.Tensor) -> torch.Tensor:
    kernel = torch.from_numpy(geometry.NEIGHBOURS).float()
    padded = functional.pad(level[None, None], (2, 2, 1, 1), mode="replicate")
    difference = level - functional.conv2d(padded, kernel[None, None])[0, 0]
    return geometry.CONTRAST_LIMIT * torch.tanh(difference / geometry.CONTRAST_LIMIT)


def _repeat(tile: NDArray[Any], slots: int) -> torch.Tensor:
    return torch.from_numpy(np.tile(tile, (slots // geometry.SLOTS + 1, 1))[:slots])
