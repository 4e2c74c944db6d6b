"""Kokoro's 54 stock voices, from one small file: data/packs.npz, made by build_packs.py.

A pack gives a style for every phoneme count; the file keeps twelve counts and the rest is interpolated.
Beside the styles stand each voice's speaker embeddings and median pitch, by which the nearest voice is found.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from consent.hearing.audio import Embedding

PACKS_FILE = Path(__file__).parent / "data/packs.npz"
LENGTHS = (1, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 509)
TYPICAL_LENGTH = 60
"""Phonemes in a line of about four seconds; the style a voice starts from."""


@dataclass(frozen=True)
class Packs:
    names: list[str]
    styles: NDArray[np.float32]
    """``[voices, len(LENGTHS), 256]``: acoustic style, then prosody style."""
    ge2e: NDArray[np.float32]
    campp: NDArray[np.float32]
    pitch: NDArray[np.float32]
    """Median, Hz."""

    def style(self, name: str, phonemes: int = TYPICAL_LENGTH) -> Tensor:
        """Style ``[1, 256]`` of a stock voice for a line of so many phonemes."""
        rows = self.styles[self.names.index(name)]
        upper = int(np.searchsorted(LENGTHS, phonemes).clip(1, len(LENGTHS) - 1))
        low, high = LENGTHS[upper - 1], LENGTHS[upper]
        share = min(1.0, max(0.0, (phonemes - low) / (high - low)))
        return torch.from_numpy((1 - share) * rows[upper - 1] + share * rows[upper])[None]

    def rank(self, ge2e: Embedding, pitch: float) -> list[str]:
        """Voices from the nearest to the farthest: embedding similarity less a tenth an octave of pitch."""
        octaves = np.abs(np.log2(self.pitch / pitch))
        order = np.argsort(-(self.ge2e @ ge2e - 0.1 * octaves))
        return [self.names[i] for i in order]


@cache
def load_packs() -> Packs:
    with np.load(PACKS_FILE) as file:
        return Packs(
            names=[str(name) for name in file["names"]],
            styles=file["styles"].astype(np.float32),
            ge2e=file["ge2e"].astype(np.float32),
            campp=file["campp"].astype(np.float32),
            pitch=file["pitch"].astype(np.float32),
        )
