"""Whether a learnt voice may be used: can it be understood, and is it the speaker's?"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from consent.hearing.audio import Embedding, resample
from consent.hearing.speakers import embed_campp, embed_ge2e, similarity
from consent.hearing.words import transcribe, word_error_rate
from synthesis.engines.base import EnrolmentError, Waveform
from synthesis.engines.kokoro.enrolment.acoustics import measure_pitch
from synthesis.engines.kokoro.enrolment.phrases import Phrase
from synthesis.engines.kokoro.network import SAMPLE_RATE
from synthesis.engines.kokoro.packs import load_packs
from synthesis.engines.kokoro.phonemes import split_text
from synthesis.engines.kokoro.speaking import speak_pieces
from synthesis.engines.kokoro.voice_file import Voice
from synthesis.engines.kokoro.weights import load_network

HIGHEST_WORD_ERROR_RATE = 0.05
STRENGTHS = (1.0, 0.7, 0.5, 0.35)
"""Tried from the most like the speaker to the most intelligible (WiSE-FT, Wortsman et al., 2022)."""
SENTENCES = (
    "Please close the window before you leave.",
    "The engineers measured the bridge twice this morning.",
    "My grandmother kept a yellow notebook full of recipes.",
)
"""Read by every new voice and judged; never learnt from."""


@dataclass(frozen=True)
class Owner:
    """The speaker as both encoders hear them, within the band of the recordings."""

    ge2e: Embedding
    campp: Embedding
    pitch: float
    """Median, Hz."""
    bandwidth_hz: float

    def as_recorded(self, x: Waveform) -> Waveform:
        """24 kHz speech without what the recordings could not hold either."""
        rate = int(2 * self.bandwidth_hz)
        return x if rate >= SAMPLE_RATE else resample(resample(x, SAMPLE_RATE, rate), rate, SAMPLE_RATE)


def hear_owner(phrases: list[Phrase]) -> Owner:
    """Raises EnrolmentError ``enrolment.no_voice`` when nothing in the phrases has a pitch."""
    pitches = np.concatenate([measure_pitch(phrase.samples) for phrase in phrases])
    if not pitches.any():
        raise EnrolmentError(
            "enrolment.no_voice",
            "No voiced speech was found, only whisper or noise.",
            "Record normal, voiced reading.",
        )
    return Owner(
        ge2e=_mean(embed_ge2e(phrase.samples, SAMPLE_RATE) for phrase in phrases),
        campp=_mean(embed_campp(phrase.samples, SAMPLE_RATE) for phrase in phrases),
        pitch=float(np.median(pitches[pitches > 0])),
        bandwidth_hz=min(phrase.bandwidth_hz for phrase in phrases),
    )


def _mean(embeddings: Iterable[Embedding]) -> Embedding:
    total = np.mean(list(embeddings), axis=0)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def prove_voice(
    at_strength: Callable[[float], Voice],
    owner: Owner,
    *,
    report: Callable[[float], None],
    stopped: Callable[[], bool],
) -> Voice:
    """The strongest change that can be understood, if it is this speaker and no stock voice; with its facts.

    CAM++ had no part in the learning, so that its verdict is independent.

    Raises:
        EnrolmentError: ``enrolment.not_intelligible``, ``enrolment.not_alike``.
        SpeechStoppedError: the engine was told to stop.
    """
    stock = dict(load_network().decoder.named_parameters())
    rates: list[float] = []
    for strength in STRENGTHS:
        voice = at_strength(strength)
        decoder = voice.merge(stock)
        waves: list[Waveform] = []
        for sentence in SENTENCES:
            waves.append(speak_pieces(voice, decoder, split_text(sentence), seed=0, stopped=stopped))
            report((len(rates) + len(waves) / len(SENTENCES)) / len(STRENGTHS))
        heard = [
            word_error_rate(s, transcribe(w, SAMPLE_RATE)) for s, w in zip(SENTENCES, waves, strict=True)
        ]
        rates.append(float(np.mean(heard)))
        if rates[-1] <= HIGHEST_WORD_ERROR_RATE:
            facts = _judge(np.concatenate(waves), owner)
            return replace(
                voice,
                facts=voice.facts | facts | {"strength": strength, "word_error_rate": round(rates[-1], 3)},
            )
    raise EnrolmentError(
        "enrolment.not_intelligible",
        f"The new voice mispronounced {min(rates):.0%} of its test words; at most "
        f"{HIGHEST_WORD_ERROR_RATE:.0%} are allowed.",
        "Record again, closer to the microphone and without echo, music or other voices.",
    )


def _judge(spoken: Waveform, owner: Owner) -> dict[str, float]:
    """What CAM++ says: owner and voice must be nearer to each other than either is to any stock voice."""
    heard = owner.as_recorded(spoken)
    clone = embed_campp(heard, SAMPLE_RATE)
    stock = load_packs().campp
    likeness = similarity(clone, owner.campp)
    nearest_stock = float((stock @ owner.campp).max())
    rival = float((stock @ clone).max())
    if likeness <= max(nearest_stock, rival):
        raise EnrolmentError(
            "enrolment.not_alike",
            f"The new voice resembles the speaker ({likeness:.2f}) no more than a stock voice does "
            f"({max(nearest_stock, rival):.2f}).",
            "Record 30 s or more of one person reading in a quiet room, and enrol again.",
        )
    return {
        "campp": round(likeness, 3),
        "campp_nearest_stock": round(nearest_stock, 3),
        "campp_rival": round(rival, 3),
        "ge2e": round(similarity(embed_ge2e(heard, SAMPLE_RATE), owner.ge2e), 3),
    }
