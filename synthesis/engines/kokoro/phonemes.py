"""Written English to Kokoro's phonemes, in pieces that the model can take.

Numbers, dates, units and abbreviations are read out by hibari's grapheme-to-phoneme rules (Apache-2.0).
"""

import json
import re
from dataclasses import dataclass
from functools import cache

from hibari.g2p import G2P

from consent.hearing.packages import package_folder
from synthesis.engines.base import SpeechError
from synthesis.engines.kokoro.network import MAX_PHONEMES

COMFORTABLE = 240
"""Phonemes above which a piece is split, if it has a place to: long pieces lose their breath."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=\S)")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|e\.g|i\.e|No|[A-Z])\.$")
_CLAUSE_END = re.compile(r"(?<=[,;:—])\s*")
_PAUSES_S = {"sentence": 0.30, "clause": 0.15, "word": 0.03}


@dataclass(frozen=True)
class Piece:
    """One breath of speech: phoneme ids, and the pause after it in seconds."""

    ids: list[int]
    pause_s: float


@cache
def _reader() -> G2P:
    return G2P(british=False)


@cache
def _vocabulary() -> dict[str, int]:
    # Kokoro's own table of symbols, as hibari ships it.
    table: dict[str, int] = json.loads((package_folder("hibari") / "assets/vocab.json").read_text("utf-8"))
    return table


def phoneme_ids(text: str) -> list[int]:
    """Model ids of one stretch of text; symbols that the model lacks are left out."""
    return [_vocabulary()[symbol] for symbol in _reader()(text) if symbol in _vocabulary()]


def split_text(text: str) -> list[Piece]:
    """Pieces of at most 510 phonemes, cut at sentences, then at clauses, then between words.

    Raises SpeechError ``engine.nothing_to_say`` when no letter of the text can be spoken.
    """
    pieces = [piece for sentence in _sentences(text) for piece in _breaths(sentence)]
    if not pieces:
        raise SpeechError(
            "engine.nothing_to_say",
            "The line has no words that the engine can speak.",
            "Write the line in English words and numbers.",
        )
    return pieces


def _sentences(text: str) -> list[str]:
    """Sentences, not cut after titles and initials ("Dr. Smith")."""
    sentences: list[str] = []
    for part in _SENTENCE_END.split(" ".join(text.split())):
        if sentences and _TITLE.search(sentences[-1]):
            sentences[-1] += f" {part}"
        else:
            sentences.append(part)
    return sentences


def _breaths(sentence: str) -> list[Piece]:
    ids = phoneme_ids(sentence)
    if not _speakable(ids):
        return []
    if len(ids) <= COMFORTABLE:
        return [Piece(ids, _PAUSES_S["sentence"])]
    clauses = _gather([part for part in _CLAUSE_END.split(sentence) if part.strip()], COMFORTABLE)
    pieces: list[Piece] = []
    for clause in clauses:
        ids = phoneme_ids(clause)
        if len(ids) <= MAX_PHONEMES - 10:
            pieces += [Piece(ids, _PAUSES_S["clause"])] if _speakable(ids) else []
        else:
            pieces += [
                Piece(phoneme_ids(part), _PAUSES_S["word"]) for part in _gather(_words(clause), COMFORTABLE)
            ]
    return [*pieces[:-1], Piece(pieces[-1].ids, _PAUSES_S["sentence"])]


def _words(clause: str) -> list[str]:
    """Words; one too long to be a word is broken into forty letters each."""
    return [part for word in clause.split() for part in re.findall(r"\S{1,40}", word)]


def _gather(parts: list[str], limit: int) -> list[str]:
    """Neighbouring parts joined for as long as their phonemes stay within the limit."""
    gathered: list[str] = []
    room = 0
    for part in parts:
        size = len(phoneme_ids(part)) + 1
        if gathered and size <= room:
            gathered[-1] += f" {part}"
            room -= size
        else:
            gathered.append(part)
            room = limit - size
    return gathered


def _speakable(ids: list[int]) -> bool:
    """Whether anything but punctuation and stress marks is left."""
    vocabulary = _vocabulary()
    return any(symbol_id in ids for symbol, symbol_id in vocabulary.items() if symbol.isalpha())
