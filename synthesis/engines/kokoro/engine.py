"""The embedded engine: Kokoro-82M, adapted to one speaker on a CPU.

Everything it needs ships in packages or beside this file, so a fresh machine truly clones. What it can do and
what it cannot is measured in docs/engines/kokoro-adapted.md.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from consent.hearing.audio import Embedding, resample
from consent.hearing.speakers import embed_campp, embed_ge2e, similarity
from consent.hearing.words import transcribe, word_error_rate
from synthesis.engines.base import (
    EnrolmentError,
    Progress,
    Recording,
    Speech,
    SpeechError,
    SpeechStoppedError,
    VoiceModel,
    Waveform,
)
from synthesis.engines.kokoro import adaptation, voice_file
from synthesis.engines.kokoro.acoustics import measure_pitch
from synthesis.engines.kokoro.adaptation import Lesson, VoiceChange
from synthesis.engines.kokoro.facts import FACTS
from synthesis.engines.kokoro.network import SAMPLE_RATE, STYLE, Kokoro
from synthesis.engines.kokoro.packs import load_packs
from synthesis.engines.kokoro.phonemes import Piece, split_text
from synthesis.engines.kokoro.phrases import Phrase, cut_phrases
from synthesis.engines.kokoro.voice_file import Voice
from synthesis.engines.kokoro.weights import load_network

STOCK_VOICE = "af_heart"
HIGHEST_WORD_ERROR_RATE = 0.05
STRENGTHS = (1.0, 0.7, 0.5, 0.35)
"""Tried from the most like the speaker to the most intelligible (WiSE-FT, Wortsman et al., 2022)."""
PROOF = (
    "Please close the window before you leave.",
    "The engineers measured the bridge twice this morning.",
    "My grandmother kept a yellow notebook full of recipes.",
)
"""Read by every new voice and judged; never learnt from."""


@dataclass(frozen=True)
class Effort:
    """How much work an enrolment is."""

    lesson_seconds: float = 30.0
    prosody_steps: int = 60
    timbre_steps: int = 60


class KokoroEngine:
    facts = FACTS

    def __init__(self, effort: Effort | None = None) -> None:
        self._effort = effort or Effort()
        self._stopped = threading.Event()
        self._merged: tuple[bytes, Voice, dict[str, Tensor]] | None = None

    def warm_up(self) -> None:
        load_network()
        split_text("Ready.")

    def stop(self) -> None:
        self._stopped.set()

    def enrol(self, recordings: Sequence[Recording], *, language: str, progress: Progress) -> VoiceModel:
        """Learn one speaker from 10 to 60 s of clean speech.

        Raises EnrolmentError: ``enrolment.too_little_speech``, ``enrolment.not_intelligible``,
        ``enrolment.not_alike``, ``engine.language_unknown``; SpeechStoppedError.
        """
        self._begin(language, EnrolmentError)
        stage = _Stages(progress, self._stopped)
        network = load_network()
        phrases = cut_phrases(recordings, stage("Listening to the recordings", 0.0, 0.08))
        phrases = _choose(phrases, self._effort.lesson_seconds)
        owner = _Owner.hear(phrases)
        packs = load_packs()
        base = packs.rank(owner.ge2e, owner.pitch)[0]
        style = packs.style(base)

        report = stage("Aligning words and sounds", 0.08, 0.25)
        lessons: list[Lesson] = []
        noise = torch.Generator().manual_seed(0)
        for phrase in phrases:
            lessons.append(adaptation.prepare_lesson(network, phrase, style, noise))
            report(len(lessons) / len(phrases))
        prosody = adaptation.learn_prosody(
            network,
            lessons,
            style[:, STYLE:],
            steps=self._effort.prosody_steps,
            report=stage("Learning pitch and rhythm", 0.25, 0.35),
        )
        pitch_map, speed = adaptation.map_pitch(network, lessons, prosody)
        change = adaptation.learn_timbre(
            network,
            lessons,
            style[:, :STYLE],
            torch.from_numpy(owner.ge2e),
            steps=self._effort.timbre_steps,
            report=stage("Learning the sound of the voice", 0.35, 0.85),
        )
        report = stage("Proving the new voice", 0.85, 1.0)
        candidates = _Candidates(base, style[:, :STYLE], change, prosody, pitch_map, speed)
        voice = self._prove(candidates, owner, report)
        report(1.0)
        metrics = {
            **voice.facts,
            "phrases": len(phrases),
            "seconds": round(sum(p.seconds for p in phrases), 1),
        }
        return VoiceModel(voice_file.encode(voice), metrics)

    def speak(self, model: bytes, text: str, *, language: str, seed: int = 0) -> Speech:
        """Say one line of English of any length.

        Raises SpeechError: ``engine.nothing_to_say``, ``engine.model_unreadable``,
        ``engine.language_unknown``; SpeechStoppedError.
        """
        self._begin(language, SpeechError)
        voice, parameters = self._merge(model)
        return Speech(self._speak(voice, parameters, split_text(text), seed), SAMPLE_RATE)

    def speak_stock(self, text: str, *, language: str) -> Speech:
        """Say a line in a neutral stock voice that is nobody's clone."""
        self._begin(language, SpeechError)
        network, packs = load_network(), load_packs()
        pieces = split_text(text)
        waves = []
        for piece in pieces:
            style = packs.style(STOCK_VOICE, len(piece.ids))
            stock = Voice(style, style[:, :STYLE], torch.tensor([0.0, 1.0, 0.0]), 1.0, {}, {})
            waves.append(self._speak(stock, dict(network.decoder.named_parameters()), [piece], 0))
        return Speech(np.concatenate(waves), SAMPLE_RATE)

    def _begin(self, language: str, error: type[EnrolmentError] | type[SpeechError]) -> None:
        self._stopped.clear()
        if language.split("-")[0].lower() not in self.facts.languages:
            raise error(
                "engine.language_unknown",
                f"The engine {FACTS.name} speaks English only, not {language!r}.",
                "Choose English or another engine.",
            )

    def _merge(self, model: bytes) -> tuple[Voice, dict[str, Tensor]]:
        """The voice and its decoder; the last one is kept, since lines come in runs of one voice."""
        digest = hashlib.sha256(model).digest()
        if self._merged is None or self._merged[0] != digest:
            voice = voice_file.decode(model)
            parameters = voice.merge(dict(load_network().decoder.named_parameters()))
            self._merged = (digest, voice, parameters)
        return self._merged[1:]

    @torch.inference_mode()
    def _speak(self, voice: Voice, parameters: dict[str, Tensor], pieces: list[Piece], seed: int) -> Waveform:
        network = load_network()
        noise = torch.Generator().manual_seed(seed)
        waves: list[Waveform] = []
        for piece in pieces:
            if self._stopped.is_set():
                raise SpeechStoppedError
            wave = _say(network, voice, parameters, piece.ids, noise)
            waves += [_trim(wave), np.zeros(int(piece.pause_s * SAMPLE_RATE), dtype=np.float32)]
        line = np.concatenate(waves)
        return line / max(1.0, float(np.abs(line).max()) / 0.98)

    def _prove(self, candidates: "_Candidates", owner: "_Owner", report: adaptation.Report) -> Voice:
        """The strongest change that stays intelligible, if it is this speaker and no stock voice.

        CAM++ had no part in the learning, so its verdict is independent.
        """
        packs = load_packs()
        network = load_network()
        stock = dict(network.decoder.named_parameters())
        rates: list[float] = []
        for tried, strength in enumerate(STRENGTHS):
            voice = candidates.at(strength)
            parameters = voice.merge(stock)
            waves = []
            for sentence in PROOF:
                waves.append(self._speak(voice, parameters, split_text(sentence), 0))
                report((tried * len(PROOF) + len(waves)) / (len(STRENGTHS) * len(PROOF)))
            heard = [
                word_error_rate(s, transcribe(w, SAMPLE_RATE)) for s, w in zip(PROOF, waves, strict=True)
            ]
            rates.append(float(np.mean(heard)))
            if rates[-1] <= HIGHEST_WORD_ERROR_RATE:
                break
        else:
            raise EnrolmentError(
                "enrolment.not_intelligible",
                f"The new voice mispronounced {min(rates):.0%} of its test words; the most "
                f"that is allowed is {HIGHEST_WORD_ERROR_RATE:.0%}.",
                "Record again, closer to the microphone and without echo, music or other voices.",
            )
        spoken = np.concatenate(waves)
        likeness = similarity(owner.hear_campp(spoken), owner.campp)
        nearest = float(packs.campp[packs.names.index(candidates.base)] @ owner.campp)
        strangers = float((packs.campp @ owner.campp).max())
        if likeness <= max(strangers, nearest):
            raise EnrolmentError(
                "enrolment.not_alike",
                f"The new voice resembles the speaker ({likeness:.2f}) less than a stock voice does "
                f"({strangers:.2f}).",
                "Record 30 s or more of one person reading in a quiet room, and enrol again.",
            )
        facts = {
            "base": candidates.base,
            "strength": strength,
            "word_error_rate": round(rates[-1], 3),
            "campp": round(likeness, 3),
            "campp_nearest_stock": round(strangers, 3),
            "ge2e": round(similarity(owner.hear_ge2e(spoken), owner.ge2e), 3),
        }
        return replace(voice, facts=facts)


@dataclass(frozen=True)
class _Candidates:
    """One learnt change at any strength."""

    base: str
    source_style: Tensor
    change: VoiceChange
    prosody: Tensor
    pitch_map: Tensor
    speed: float

    def at(self, strength: float) -> Voice:
        style = torch.cat([self.change.style.detach(), self.prosody], dim=1)
        return Voice(style, self.source_style, self.pitch_map, self.speed, self.change.tensors(strength), {})


@dataclass(frozen=True)
class _Owner:
    """The speaker as the two encoders hear them, within the band of the recordings."""

    ge2e: Embedding
    campp: Embedding
    pitch: float
    bandwidth_hz: float

    @classmethod
    def hear(cls, phrases: list[Phrase]) -> "_Owner":
        def mean(embeddings: list[Embedding]) -> Embedding:
            total = np.mean(embeddings, axis=0)
            return np.asarray(total / np.linalg.norm(total), dtype=np.float32)

        pitches = [measure_pitch(phrase.samples) for phrase in phrases]
        voiced = np.concatenate([pitch[pitch > 0] for pitch in pitches])
        if not len(voiced):
            raise EnrolmentError(
                "enrolment.no_voice",
                "No voiced speech was found, only whisper or noise.",
                "Record normal, voiced reading.",
            )
        return cls(
            ge2e=mean([embed_ge2e(phrase.samples, SAMPLE_RATE) for phrase in phrases]),
            campp=mean([embed_campp(phrase.samples, SAMPLE_RATE) for phrase in phrases]),
            pitch=float(np.median(voiced)),
            bandwidth_hz=min(phrase.bandwidth_hz for phrase in phrases),
        )

    def hear_ge2e(self, x: Waveform) -> Embedding:
        return embed_ge2e(self._as_recorded(x), SAMPLE_RATE)

    def hear_campp(self, x: Waveform) -> Embedding:
        return embed_campp(self._as_recorded(x), SAMPLE_RATE)

    def _as_recorded(self, x: Waveform) -> Waveform:
        rate = int(2 * self.bandwidth_hz)
        return x if rate >= SAMPLE_RATE else resample(resample(x, SAMPLE_RATE, rate), rate, SAMPLE_RATE)


class _Stages:
    """Maps each stage's own progress to a share of the whole, and ends the work when told to stop."""

    def __init__(self, progress: Progress, stopped: threading.Event) -> None:
        self._progress = progress
        self._stopped = stopped

    def __call__(self, name: str, start: float, end: float) -> adaptation.Report:
        def report(share: float) -> None:
            if self._stopped.is_set():
                raise SpeechStoppedError
            self._progress(start + (end - start) * share, name)

        report(0.0)
        return report


def _choose(phrases: list[Phrase], seconds: float) -> list[Phrase]:
    """Phrases in order until there is enough to learn from."""
    chosen: list[Phrase] = []
    for phrase in phrases:
        if sum(other.seconds for other in chosen) + phrase.seconds <= seconds or len(chosen) < 2:
            chosen.append(phrase)
    return chosen


def _say(
    network: Kokoro, voice: Voice, parameters: dict[str, Tensor], ids: list[int], noise: torch.Generator
) -> Waveform:
    text = network.read(ids)
    plan = network.plan(text, voice.style[:, STYLE:], speed=voice.speed)
    centre, ratio, target = voice.pitch_map
    moved = torch.exp((plan.pitch.clamp(min=1.0).log() - centre) * ratio + target)
    pitch = torch.where(plan.pitch > 50, moved, plan.pitch)
    spoken = text.spoken.repeat_interleave(plan.durations, dim=2)
    excitation = network.decoder.generator.excite(pitch, voice.source_style, noise)
    arguments = (spoken, pitch, plan.energy, voice.style[:, :STYLE], excitation)
    wave: Tensor = functional_call(network.decoder, parameters, arguments)
    return wave.numpy()


def _trim(x: Waveform) -> Waveform:
    """Without the silence before and after, all but 30 ms of it."""
    hop = SAMPLE_RATE // 100
    level = np.sqrt(np.mean(x[: len(x) // hop * hop].reshape(-1, hop) ** 2, axis=1))
    loud = np.flatnonzero(level > 0.02 * level.max())
    return x[max(0, loud[0] - 3) * hop : (loud[-1] + 4) * hop]
