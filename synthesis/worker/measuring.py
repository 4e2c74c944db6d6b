"""Whether a spoken line is the owner's voice and the approved words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from consent.hearing.audio import Embedding, Waveform
from consent.hearing.speakers import embed_campp, embed_ge2e, similarity
from consent.hearing.words import comparable_words, transcribe, word_error_rate
from synthesis.conf import LineLimits
from synthesis.errors import SpeechFaultError

SPEAK_AGAIN = "Change the wording of the line, or have the voice enrolled anew."
# English prose takes about 0.07 s a character. Far outside, an engine has stopped early or babbles on.
SHORTEST_S_PER_CHARACTER = 0.02
LONGEST_S_PER_CHARACTER = 0.30
LONGEST_EXTRA_S = 2.0
CLIPPING_SHARE_MAX = 0.001


@dataclass(frozen=True, slots=True)
class Reference:
    """What the owner sounds like to both encoders: unit means over the consented recordings."""

    ge2e: Embedding
    campp: Embedding


def reference_of(recordings: Iterable[tuple[Waveform, int]]) -> Reference:
    """Of mono float32 waveforms with their rates, at least one."""
    pairs = [(embed_ge2e(x, rate), embed_campp(x, rate)) for x, rate in recordings]
    assert pairs, "a reference needs a recording"
    ge2e, campp = (_unit_mean(embeddings) for embeddings in zip(*pairs, strict=True))
    return Reference(ge2e, campp)


def measure_line(x: Waveform, rate: int, *, text: str, language: str, reference: Reference) -> dict[str, Any]:
    """The figures kept with a clip. ``word_error_rate`` is None where the recogniser lacks the language."""
    heard = transcribe(x, rate) if language.partition("-")[0] == "en" else None
    rate_of_errors = None if heard is None else word_error_rate(text, heard)
    return {
        "seconds": round(len(x) / rate, 3),
        "similarity_campp": round(similarity(embed_campp(x, rate), reference.campp), 4),
        "similarity_ge2e": round(similarity(embed_ge2e(x, rate), reference.ge2e), 4),
        "word_error_rate": None if rate_of_errors is None else round(rate_of_errors, 4),
        "clipping_share": round(float(np.mean(np.abs(x) >= 0.999)), 6),
    }


def require_speech(x: Waveform, rate: int, text: str) -> None:
    """Raises SpeechFaultError ``speech.not_finite``, ``speech.silent``, ``speech.wrong_length``."""
    if not np.isfinite(x).all():
        raise SpeechFaultError("speech.not_finite", "The engine gave no sound, but errors.", SPEAK_AGAIN)
    if np.abs(x).max(initial=0.0) < 1e-3:
        raise SpeechFaultError("speech.silent", "The engine stayed silent.", SPEAK_AGAIN)
    seconds = len(x) / rate
    longest = LONGEST_EXTRA_S + LONGEST_S_PER_CHARACTER * len(text)
    if not SHORTEST_S_PER_CHARACTER * len(text) <= seconds <= longest:
        raise SpeechFaultError(
            "speech.wrong_length",
            f"{len(text)} characters became {seconds:.1f} s of sound.",
            SPEAK_AGAIN,
        )


def require_good(measurements: dict[str, Any], *, text: str, limits: LineLimits) -> None:
    """Raises SpeechFaultError ``speech.clipped``, ``speech.other_voice``, ``speech.wrong_words``."""
    if measurements["clipping_share"] > CLIPPING_SHARE_MAX:
        raise SpeechFaultError("speech.clipped", "The speech is distorted by clipping.", SPEAK_AGAIN)
    campp, ge2e = measurements["similarity_campp"], measurements["similarity_ge2e"]
    judged = measurements["seconds"] >= limits.judged_from_s
    if judged and (campp < limits.campp_min or ge2e < limits.ge2e_min):
        raise SpeechFaultError(
            "speech.other_voice",
            f"It does not sound like the owner: CAM++ {campp:.2f} (at least {limits.campp_min:.2f}), "
            f"GE2E {ge2e:.2f} (at least {limits.ge2e_min:.2f}).",
            SPEAK_AGAIN,
        )
    errors = measurements["word_error_rate"]
    if errors is None:
        return
    wrong_words = errors * len(comparable_words(text))
    if errors > limits.word_error_rate_max and wrong_words > limits.wrong_words_max:
        raise SpeechFaultError(
            "speech.wrong_words",
            f"The recogniser heard other words than the approved ones (word error rate {errors:.2f}).",
            SPEAK_AGAIN,
        )


def _unit_mean(embeddings: Iterable[Embedding]) -> Embedding:
    mean = np.mean(list(embeddings), axis=0)
    unit: Embedding = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit
