"""The inaudible, keyed watermark that leads from a clip back to its render.

Format 1
--------
::

    message   = payload (32 bits) | tag (24 bits)
    tag       = first 24 bits of HMAC-SHA-256(key, "viva-voce/mark/1/tag" | payload big-endian)
    symbols   = rate-1/4, constraint-length-11 convolutional code of the message with zero tail: 264 of ±1
    scrambled = symbols * stream(key, "scramble")
    cells     = a tile of 66 slots (16 ms) x 35 bands (93.75 Hz from 312 Hz), repeated from the first sample;
                stream(key, "tile") deals cells to pilots and symbols and gives each a sign
    mark      = each cell's energy, against its neighbours', leans towards sign * symbol
    stream(key, label) = little-endian words of SHAKE-256(HMAC-SHA-256(key, "viva-voce/mark/1/" | label))

Who holds the key can detect and forge alike: keep it with the signing keys and rate-limit detection.

False alarms
------------
For audio that this key did not mark, a decoded message passes the tag with probability 2^-24 (HMAC), and some
valid codeword reaches score c with probability at most 2^32 exp(-c²/2) (see detector.Reading). A file is
accepted only if the smaller of the two, times the number of messages that were decoded from it, is at most
1e-6. Up to 16 messages the tag alone settles it; long files need a higher score.
"""

from dataclasses import dataclass
from math import exp

import numpy as np

from synthesis.marking import geometry
from synthesis.marking.detector import CANDIDATES, Detector, Reading, stretches
from synthesis.marking.embedder import Embedder, Strength
from synthesis.marking.errors import MarkingError
from synthesis.marking.geometry import Samples, Tile, require_mono, resample

PAYLOAD_MAX = (1 << geometry.PAYLOAD_BITS) - 1
FALSE_ALARM_MAX = 1e-6
_PEAK_MAX = 0.98

# Tried in this order, the quietest first, until the mark reads back with GOOD_SCORE. The last must at least
# reach RELEASE_SCORE: by experiment a mark under it may not outlive an MP3 or a telephone call.
STRENGTHS = (
    Strength(margin=1.4, gain_limit=0.6, penalty=0.1),
    Strength(margin=1.7, gain_limit=0.7, penalty=0.07),
    Strength(margin=2.0, gain_limit=0.8, penalty=0.05),
)
GOOD_SCORE = 12.0
RELEASE_SCORE = 9.5

# A shorter clip, which has too few cells for every symbol, gets room tone after it (and a little before it)
# that carries the rest.
MIN_SECONDS = 2.2
_LEAD_SECONDS = 0.1
_FADE_SECONDS = 0.03
_ROOM_TONE_DB = -62.0  # dBFS RMS, below what audiobook producers accept as a noise floor (-60)

_WHOLE_SECONDS = 30.0
_WINDOW_SECONDS = 6.0
_HOP_SECONDS = 3.0


@dataclass(frozen=True)
class Detection:
    """What a file says: ``payload`` is None unless accepted; ``score`` is at most 16.2 (see Reading)."""

    payload: int | None
    score: float
    tag_ok: bool


def false_alarm_bound(score: float, messages: int) -> float:
    """The most likely it can be that one of ``messages`` from unmarked audio has the tag and this score."""
    return messages * min(2.0**-geometry.TAG_BITS, 2.0**geometry.PAYLOAD_BITS * exp(-(score**2) / 2))


class Watermarker:
    """Embeds and detects the marks of one key (16 bytes or more)."""

    def __init__(self, key: bytes) -> None:
        tile = Tile(key)
        self._embedder = Embedder(tile)
        self._detector = Detector(tile)

    def embed(self, x: Samples, rate: int, payload: int) -> Samples:
        """The clip with ``payload`` in it, mono float32 at the same rate, read back before it is returned.

        Clips under MIN_SECONDS (2.2 s) come back longer, with room tone around the speech.

        Raises MarkingError: ``marking.silent`` for a clip without sound, ``marking.not_detectable`` when even
        the strongest mark does not read back. Such a clip must not be released.
        """
        require_mono(x, rate)
        if not 0 <= payload <= PAYLOAD_MAX:
            raise RuntimeError(f"a payload has {geometry.PAYLOAD_BITS} bits, got {payload}")
        if not np.isfinite(x).all() or np.abs(x).max(initial=0) < 1e-3:
            raise MarkingError(
                "marking.silent", "The clip has no sound that could carry a mark.", "Speak the line again."
            )
        x = _with_room_tone(x, rate)
        narrow = resample(x, rate, geometry.RATE)
        for strength in STRENGTHS:
            mark = resample(self._embedder.embed(narrow, payload, strength), geometry.RATE, rate)[: len(x)]
            marked = x + np.pad(mark, (0, len(x) - len(mark)))
            marked = marked * np.float32(min(1.0, _PEAK_MAX / np.abs(marked).max()))
            as_stored = (np.round(marked * 32767) / 32767).astype(np.float32)
            found = self.detect(as_stored, rate)
            if found.payload == payload and found.score >= GOOD_SCORE:
                break
        if found.payload == payload and found.score >= RELEASE_SCORE:
            return marked
        raise MarkingError(
            "marking.not_detectable",
            "The watermark could not be read back from this clip.",
            "Join the line with a longer one, or speak it again.",
        )

    def detect(self, x: Samples, rate: int, thorough: bool = False) -> Detection:
        """Looks for this key's mark in mono float32 audio of any length.

        First the whole clip (up to 30 s), then windows of 6 s every 3 s. ``thorough`` also searches tempo,
        pitch and speed changes up to 10 %, which costs ten times as much.
        """
        require_mono(x, rate)
        narrow = resample(x, rate, geometry.RATE)
        passes = [[(1.0, 1.0)], stretches()] if thorough else [[(1.0, 1.0)]]
        pieces = _pieces(narrow)
        messages = CANDIDATES * len(passes) * len(pieces)
        best: Reading | None = None
        for grid in passes:
            for piece in pieces:
                for reading in self._detector.read(piece, grid):
                    if reading.tag_ok and false_alarm_bound(reading.score, messages) <= FALSE_ALARM_MAX:
                        return Detection(reading.payload, reading.score, tag_ok=True)
                    if best is None or (reading.tag_ok, reading.score) > (best.tag_ok, best.score):
                        best = reading
        return Detection(None, best.score if best else 0.0, tag_ok=best is not None and best.tag_ok)


def _pieces(x: Samples) -> list[Samples]:
    """The whole of a clip that is not too long, then overlapping windows when there is more than one."""
    window, hop = int(_WINDOW_SECONDS * geometry.RATE), int(_HOP_SECONDS * geometry.RATE)
    whole = [x] if len(x) <= _WHOLE_SECONDS * geometry.RATE else []
    if len(x) <= window:
        return whole
    return whole + [x[start : start + window] for start in range(0, len(x) - hop, hop)]


def _with_room_tone(x: Samples, rate: int) -> Samples:
    """A clip of at least MIN_SECONDS: a short one gets soft noise before and after it, like a quiet room."""
    missing = round(MIN_SECONDS * rate) - len(x)
    if missing <= 0:
        return x
    lead = min(missing, round(_LEAD_SECONDS * rate))
    # A fixed seed: the same clip and payload give the same bytes.
    white = np.random.default_rng(0).standard_normal(round(MIN_SECONDS * geometry.RATE) + 1)
    dull = np.convolve(white, [0.25, 0.5, 0.25], "same").astype(np.float32)
    tone = resample(dull, geometry.RATE, rate)[: len(x) + missing]
    tone *= np.float32(10 ** (_ROOM_TONE_DB / 20) / np.sqrt(np.mean(tone**2)))
    fade = round(_FADE_SECONDS * rate)
    quiet = np.ones(len(tone), np.float32)
    quiet[lead : lead + len(x)] = 0
    quiet = np.convolve(quiet, np.full(fade, 1 / fade), "same").astype(np.float32)
    return np.pad(x, (lead, missing - lead)) + tone * quiet
