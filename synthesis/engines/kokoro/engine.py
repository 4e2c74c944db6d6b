"""The embedded engine: Kokoro-82M, adapted to one speaker on a CPU.

Everything it needs ships in packages or beside this file, so a fresh machine truly clones. What it can do and
what it cannot is measured in docs/engines/kokoro-adapted.md.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthesis.engines.base import (
    EnrolmentError,
    Progress,
    Recording,
    Speech,
    SpeechError,
    SpeechStoppedError,
    VoiceModel,
)
from synthesis.engines.kokoro import voice_file
from synthesis.engines.kokoro.enrolment.adaptation import (
    Lesson,
    learn_prosody,
    learn_timbre,
    map_pitch,
    prepare_lesson,
)
from synthesis.engines.kokoro.enrolment.phrases import Phrase, cut_phrases
from synthesis.engines.kokoro.enrolment.proof import hear_owner, prove_voice
from synthesis.engines.kokoro.facts import FACTS
from synthesis.engines.kokoro.network import SAMPLE_RATE, STYLE
from synthesis.engines.kokoro.packs import load_packs
from synthesis.engines.kokoro.phonemes import split_text
from synthesis.engines.kokoro.speaking import speak_pieces
from synthesis.engines.kokoro.voice_file import Voice
from synthesis.engines.kokoro.weights import load_network

STOCK_VOICE = "af_heart"


@dataclass(frozen=True)
class Effort:
    """How much work an enrolment is."""

    lesson_seconds: float = 24.0
    prosody_steps: int = 45
    timbre_steps: int = 60


class KokoroEngine:
    facts = FACTS

    def __init__(self, effort: Effort | None = None) -> None:
        self._effort = effort or Effort()
        self._stopping = threading.Event()
        self._merged: tuple[bytes, Voice, dict[str, Tensor]] | None = None

    def warm_up(self) -> None:
        load_network()
        split_text("Ready.")

    def stop(self) -> None:
        self._stopping.set()

    def enrol(self, recordings: Sequence[Recording], *, language: str, progress: Progress) -> VoiceModel:
        """Learn one speaker from 10 to 60 s of clean speech.

        Raises:
            EnrolmentError: ``enrolment.too_little_speech``, ``enrolment.no_voice``,
                ``enrolment.not_intelligible``, ``enrolment.not_alike``, ``engine.language_unknown``.
            SpeechStoppedError: ``stop`` was called.
        """
        self._begin(language, EnrolmentError)
        stage = _Stages(progress, self._stopping)
        network = load_network()
        phrases = cut_phrases(recordings, stage("Listening to the recordings", 0.0, 0.08))
        phrases = _choose(phrases, self._effort.lesson_seconds)
        owner = hear_owner(phrases)
        packs = load_packs()
        base = packs.rank(owner.ge2e, owner.pitch)[0]
        style = packs.style(base)
        acoustic, prosodic = style[:, :STYLE], style[:, STYLE:]

        report = stage("Aligning words and sounds", 0.08, 0.25)
        noise = torch.Generator().manual_seed(0)
        lessons: list[Lesson] = []
        for phrase in phrases:
            lessons.append(prepare_lesson(network, phrase, style, noise))
            report(len(lessons) / len(phrases))

        report = stage("Learning pitch and rhythm", 0.25, 0.35)
        prosody = learn_prosody(network, lessons, prosodic, steps=self._effort.prosody_steps, report=report)
        pitch_map, speed = map_pitch(network, lessons, prosody)

        report = stage("Learning the sound of the voice", 0.35, 0.85)
        identity = torch.from_numpy(owner.ge2e)
        steps = self._effort.timbre_steps
        change = learn_timbre(network, lessons, acoustic, identity, steps=steps, report=report)

        def at_strength(strength: float) -> Voice:
            learnt = torch.cat([change.style.detach(), prosody], dim=1)
            return Voice(learnt, acoustic, pitch_map, speed, change.tensors(strength), {"base": base})

        report = stage("Proving the new voice", 0.85, 1.0)
        voice = prove_voice(at_strength, owner, report=report, stopped=self._stopping.is_set)
        report(1.0)
        learnt_from = {
            "phrases": len(phrases),
            "seconds": round(sum(phrase.seconds for phrase in phrases), 1),
        }
        return VoiceModel(voice_file.encode(voice), voice.facts | learnt_from)

    def speak(self, model: bytes, text: str, *, language: str, seed: int = 0) -> Speech:
        """Say one line of English of any length.

        Raises:
            SpeechError: ``engine.nothing_to_say``, ``engine.model_unreadable``, ``engine.language_unknown``.
            SpeechStoppedError: ``stop`` was called.
        """
        self._begin(language, SpeechError)
        pieces = split_text(text)
        voice, decoder = self._merge(model)
        samples = speak_pieces(voice, decoder, pieces, seed=seed, stopped=self._stopping.is_set)
        return Speech(samples, SAMPLE_RATE)

    def speak_stock(self, text: str, *, language: str) -> Speech:
        """Say a line in a neutral stock voice that is nobody's clone."""
        self._begin(language, SpeechError)
        decoder = dict(load_network().decoder.named_parameters())
        unmoved = torch.tensor([0.0, 1.0, 0.0])
        waves = []
        for piece in split_text(text):
            style = load_packs().style(STOCK_VOICE, len(piece.ids))
            voice = Voice(style, style[:, :STYLE], unmoved, 1.0, {}, {})
            waves.append(speak_pieces(voice, decoder, [piece], seed=0, stopped=self._stopping.is_set))
        return Speech(np.concatenate(waves), SAMPLE_RATE)

    def _begin(self, language: str, error: type[EnrolmentError] | type[SpeechError]) -> None:
        self._stopping.clear()
        if language.partition("-")[0].lower() not in FACTS.languages:
            raise error(
                "engine.language_unknown",
                f"The engine {FACTS.name} speaks English only, not {language!r}.",
                "Choose English or another engine.",
            )

    def _merge(self, model: bytes) -> tuple[Voice, dict[str, Tensor]]:
        """The voice and its decoder; the last one is kept, since lines come in runs of one voice."""
        digest = hashlib.sha256(model).digest()
        if self._merged is None or self._merged[0] != digest:
            self._merged = None
            voice = voice_file.decode(model)
            self._merged = (digest, voice, voice.merge(dict(load_network().decoder.named_parameters())))
        return self._merged[1:]


class _Stages:
    """Maps each stage's own progress to a share of the whole, and ends the work when told to stop."""

    def __init__(self, progress: Progress, stopping: threading.Event) -> None:
        self._progress = progress
        self._stopping = stopping

    def __call__(self, name: str, start: float, end: float) -> Callable[[float], None]:
        def report(share: float) -> None:
            if self._stopping.is_set():
                raise SpeechStoppedError
            self._progress(start + (end - start) * share, name)

        report(0.0)
        return report


def _choose(phrases: list[Phrase], seconds: float) -> list[Phrase]:
    """Phrases in order for as long as they fit into the seconds to learn from; two at least."""
    chosen: list[Phrase] = []
    for phrase in phrases:
        if len(chosen) < 2 or sum(other.seconds for other in chosen) + phrase.seconds <= seconds:
            chosen.append(phrase)
    return chosen
