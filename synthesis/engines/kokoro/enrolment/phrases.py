"""Recordings of any length, rate and level, cut into phrases that the network can learn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from consent.hearing.activity import speech_segments
from consent.hearing.audio import resample
from consent.hearing.words import Word, transcribe_timed
from synthesis.engines.base import EnrolmentError, Recording, Waveform
from synthesis.engines.kokoro.network import MAX_PHONEMES, SAMPLE_RATE
from synthesis.engines.kokoro.phonemes import phoneme_ids

SHORTEST_S = 1.5
LONGEST_S = 9.0
COMFORTABLE_S = 4.0
ENOUGH_S = 8.0
"""Seconds of usable speech below which no voice is learnt."""

_PAUSE_S = 0.18
_EDGE_S = 0.05
_LEVEL = 0.06
"""Root mean square of speech; the network speaks at about -24 dBFS."""


@dataclass(frozen=True)
class Phrase:
    """One stretch of speech with its words: 24 kHz samples at a common level."""

    samples: Waveform
    text: str
    ids: list[int]
    bandwidth_hz: float
    """Half the recording's own sample rate: above it there is nothing to learn."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def cut_phrases(recordings: Sequence[Recording], report: Callable[[float], None]) -> list[Phrase]:
    """Phrases of 1.5 to 9 s, cut at pauses; ``report`` hears the share done.

    Words come from the transcript when a recording has one and is short enough to be one phrase, else from
    the recogniser. Raises EnrolmentError ``enrolment.too_little_speech`` under 8 s of usable speech.
    """
    phrases: list[Phrase] = []
    for number, recording in enumerate(recordings):
        phrases += _cut_recording(recording)
        report((number + 1) / len(recordings))
    seconds = sum(phrase.seconds for phrase in phrases)
    if seconds < ENOUGH_S:
        raise EnrolmentError(
            "enrolment.too_little_speech",
            f"Only {seconds:.0f} s of clear English speech were found; {ENOUGH_S:.0f} s are the least.",
            "Record 20 to 60 s of connected reading in a quiet room and add it to the voice.",
        )
    return phrases


def _cut_recording(recording: Recording) -> list[Phrase]:
    x = resample(recording.samples, recording.rate, SAMPLE_RATE)
    spans = speech_segments(x, SAMPLE_RATE)
    if not spans:
        return []
    start, end = max(0.0, spans[0][0] - _EDGE_S), spans[-1][1] + _EDGE_S
    if recording.transcript and end - start <= LONGEST_S:
        pieces = [(start, end, recording.transcript)]
    else:
        pieces = _group_words(transcribe_timed(x, SAMPLE_RATE), spans)
    made = (_make_phrase(x, piece, recording.rate / 2) for piece in pieces)
    return [phrase for phrase in made if phrase is not None]


def _group_words(words: list[Word], spans: list[tuple[float, float]]) -> list[tuple[float, float, str]]:
    """Neighbouring words joined into (start, end, text), split where the speaker pauses.

    A group closes at the first pause after a comfortable length, or at the widest gap when it grows too long.
    """
    groups: list[list[Word]] = []
    for word in words:
        gap = word.start - groups[-1][-1].end if groups else np.inf
        length = word.end - groups[-1][0].start if groups else 0.0
        pausing = gap >= _PAUSE_S or bool(groups and groups[-1][-1].text[-1:] in ".?!;,")
        if gap > 1.0 or length > LONGEST_S or (length > COMFORTABLE_S and pausing):
            groups.append([])
        groups[-1].append(word)
    pieces = []
    for index, group in enumerate(groups):
        before = groups[index - 1][-1].end if index else 0.0
        after = groups[index + 1][0].start if index + 1 < len(groups) else np.inf
        # The recogniser places the edges of words roughly; where the detector hears speech is surer.
        start = _snap(group[0].start, [a for a, _ in spans], low=before, high=group[0].end)
        end = _snap(group[-1].end, [b for _, b in spans], low=group[-1].start, high=after)
        start = max(0.0, (before + start) / 2 if start - before < 2 * _EDGE_S else start - _EDGE_S)
        end = (end + after) / 2 if after - end < 2 * _EDGE_S else end + _EDGE_S
        pieces.append((start, end, " ".join(word.text for word in group)))
    return pieces


def _snap(time: float, edges: list[float], *, low: float, high: float) -> float:
    """The nearest edge of detected speech within 0.3 s and between the neighbouring words, else ``time``."""
    near = [edge for edge in edges if abs(edge - time) < 0.3 and low <= edge <= high]
    return min(near, key=lambda edge: abs(edge - time), default=time)


def _make_phrase(x: Waveform, piece: tuple[float, float, str], bandwidth_hz: float) -> Phrase | None:
    """A phrase at the common level, or None when it is too short, too fast or wordless."""
    start, end, text = piece
    samples = x[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
    ids = phoneme_ids(text)
    seconds = len(samples) / SAMPLE_RATE
    level = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
    if seconds < SHORTEST_S or level < 1e-4 or not 10 <= len(ids) < min(MAX_PHONEMES, 30 * seconds):
        return None
    return Phrase((samples * (_LEVEL / level)).astype(np.float32), text, ids, bandwidth_hz)
