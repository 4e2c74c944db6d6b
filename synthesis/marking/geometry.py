"""Where the mark lives in time and frequency, and which key decides what.

All work happens at 8 kHz. A Hann window of 256 samples (32 ms) gives bins of 31.25 Hz; a *cell* is 16 ms by
three bins. A *tile* is 66 slots (1.056 s) by 35 bands (312 to 3594 Hz, inside the telephone band) and repeats
without a gap. A keyed permutation deals the tile's cells out to pilots (18 %, known beforehand, for finding
the tile) and to code symbols (the rest, round robin); a keyed sign says for each cell which way it is pushed.
"""

import hashlib
import hmac
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from synthesis.marking.convolution import CODE_SYMBOLS, MESSAGE_BITS

Samples = NDArray[np.float32]
Cells = NDArray[np.float64]

RATE = 8000
WINDOW = 256
SLOT = 128  # samples
SLOTS = 66
BANDS = 35
BAND_BINS = 3
FIRST_BIN = 10
LAST_BIN = FIRST_BIN + BANDS * BAND_BINS  # exclusive
TILE_SECONDS = SLOTS * SLOT / RATE

PAYLOAD_BITS = 32
TAG_BITS = MESSAGE_BITS - PAYLOAD_BITS
KEY_BYTES_MIN = 16

_PILOT_SHARE = 0.18
_PILOT_GROUP = 6  # pilot cells that count as one symbol while embedding

# Cells fainter than -85 dB are ignored, from -60 dB they count in full; the floor keeps the logarithm of
# near-silence from shouting. All are relative to the loudest cell of the clip or window.
FLOOR = 3e-6
WEIGHT_FROM_DB = -85.0
WEIGHT_SPAN_DB = 25.0
# A cell is compared with its neighbours (slots down, bands across): speech is smooth, the mark is not.
NEIGHBOURS = np.array(
    [[0.03, 0.07, 0.18, 0.07, 0.03], [0.04, 0.08, 0.0, 0.08, 0.04], [0.03, 0.07, 0.18, 0.07, 0.03]]
)
NEIGHBOURS /= NEIGHBOURS.sum()
CONTRAST_LIMIT = 1.2  # in nepers of energy; one odd cell must not outvote many


def resample(x: Samples, rate: int, target: int) -> Samples:
    """Polyphase resampling of mono samples from ``rate`` to ``target`` Hz."""
    if rate == target:
        return x
    divisor = gcd(rate, target)
    resampled: Samples = resample_poly(x, target // divisor, rate // divisor).astype(np.float32)
    return resampled


def require_mono(x: Samples, rate: int) -> None:
    """Refuse, by AssertionError, what is not mono float32 in a supported rate: that is a caller's mistake."""
    assert x.ndim == 1, f"expected mono samples, got shape {x.shape}"
    assert x.dtype == np.float32, f"expected float32, got {x.dtype}"
    assert 8000 <= rate <= 48000, f"expected 8000 to 48000 Hz, got {rate}"


class Tile:
    """One key's dealing of a tile's cells.

    ``symbol``: SLOTS x BANDS, which symbol a cell carries: pilots first (0 … pilots-1), then code symbols.
    ``sign``: SLOTS x BANDS of ±1. ``scramble``: ±1 for each code symbol.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES_MIN:
            raise RuntimeError(f"a watermark key has at least {KEY_BYTES_MIN} bytes, got {len(key)}")
        self._key = key
        cells = SLOTS * BANDS
        draws = self._stream(b"tile", 2 * cells)
        dealt = np.argsort(draws[:cells], kind="stable")
        pilot_cells = int(cells * _PILOT_SHARE)
        self.pilots = pilot_cells // _PILOT_GROUP
        self.symbols = self.pilots + CODE_SYMBOLS
        symbol = np.empty(cells, dtype=np.int64)
        symbol[dealt[:pilot_cells]] = np.arange(pilot_cells) % self.pilots
        symbol[dealt[pilot_cells:]] = self.pilots + np.arange(cells - pilot_cells) % CODE_SYMBOLS
        self.symbol = symbol.reshape(SLOTS, BANDS)
        self.sign = np.where(draws[cells:] & 1, 1.0, -1.0).reshape(SLOTS, BANDS)
        self.is_pilot = self.symbol < self.pilots
        self.scramble = np.where(self._stream(b"scramble", CODE_SYMBOLS) & 1, 1.0, -1.0)

    def tag(self, payload: int) -> int:
        """The keyed check value of a payload, TAG_BITS long."""
        digest = hmac.new(
            self._key, b"viva-voce/mark/1/tag" + payload.to_bytes(4, "big"), hashlib.sha256
        ).digest()
        return int.from_bytes(digest[:4], "big") >> (32 - TAG_BITS)

    def _stream(self, label: bytes, count: int) -> NDArray[np.uint32]:
        seed = hmac.new(self._key, b"viva-voce/mark/1/" + label, hashlib.sha256).digest()
        return np.frombuffer(hashlib.shake_256(seed).digest(4 * count), dtype="<u4")
