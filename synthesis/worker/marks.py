"""What a clip must carry before anybody hears it: the spoken notice, even loudness, the watermark."""

import os
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import soxr
from django.conf import settings

from consent.hearing.audio import Waveform
from synthesis.engines.base import Engine, Speech
from synthesis.errors import SpeechFaultError
from synthesis.marking.encode import decode, encode
from synthesis.marking.errors import MarkingError
from synthesis.marking.loudness import normalise
from synthesis.marking.watermark import Watermarker

NOTICES = {"en": "This is a synthetic voice."}
PAUSE_S = 0.4  # between the notice and the line


@runtime_checkable
class SpeaksStock(Protocol):
    """An engine that has a neutral voice of its own, for the notice."""

    def speak_stock(self, text: str, *, language: str) -> Speech: ...


def with_notice(speech: Speech, *, engine: Engine, language: str) -> Speech:
    """The line with the notice in front of it, in a voice that is not the owner's.

    Raises SpeechFaultError ``notice.not_available``: a line that needs a notice is not released without.
    """
    text = NOTICES.get(language.partition("-")[0])
    if text is None or not isinstance(engine, SpeaksStock):
        raise SpeechFaultError(
            "notice.not_available",
            f"The consent asks for a spoken notice, which {engine.facts.name} cannot give in {language!r}.",
            "Choose another language, or ask for a consent without a spoken notice.",
        )
    # Both parts at the same loudness: a whispered notice would be none.
    parts = [
        _spoken_notice(engine, text, language, speech.rate),
        np.zeros(round(PAUSE_S * speech.rate), dtype=np.float32),
        normalise(speech.samples, speech.rate),
    ]
    return Speech(np.concatenate(parts).astype(np.float32), speech.rate)


@cache
def _spoken_notice(engine: SpeaksStock, text: str, language: str, rate: int) -> Waveform:
    """The notice is the same before every line, so it is spoken once a process."""
    notice = engine.speak_stock(text, language=language)
    return normalise(soxr.resample(notice.samples, notice.rate, rate), rate)


def mark(speech: Speech, *, watermark_id: int) -> Waveform:
    """The clip at release loudness with its watermark in it. Raises MarkingError ``marking.…``."""
    level = normalise(speech.samples, speech.rate)
    return watermarker().embed(level, speech.rate, watermark_id)


def encode_and_read_back(x: Waveform, rate: int, *, watermark_id: int, media: str) -> tuple[bytes, float]:
    """The clip's bytes, once the mark was found in what a listener would decode from them; and its score.

    Raises MarkingError ``marking.not_detectable``.
    """
    data = encode(x, rate, media)
    found = watermarker().detect(*decode(data))
    if found.payload != watermark_id:
        raise MarkingError(
            "marking.not_detectable",
            "The watermark could not be read back from the finished file.",
            "Join the line with a longer one, or speak it again.",
        )
    return data, found.score


@cache
def watermarker() -> Watermarker:
    return Watermarker(watermark_key())


def watermark_key() -> bytes:
    """This installation's secret, made at first use (mode 0600). Who has it finds marks, and forges them."""
    path = Path(settings.KEYS_DIR) / "watermark.key"
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(32))
    return path.read_bytes()
