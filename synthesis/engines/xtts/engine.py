"""XTTS v2 behind the engine interface.

A voice model is the speaker's conditioning latents, as safetensors, with the digest of the weights they were
made with; under other weights it is refused. A line is cleaned, split under the model's limits and spoken in
pieces. XTTS does not always know where to end: a piece that reaches its cap without the end code is spoken
again with another seed, a few times, and then refused.
"""

import hashlib
from collections.abc import Mapping, Sequence
from math import ceil, gcd
from pathlib import Path
from threading import Event, Lock
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from scipy.signal import resample_poly

from synthesis.engines.base import (
    EngineError,
    EnrolmentError,
    Progress,
    Recording,
    Speech,
    SpeechError,
    SpeechStoppedError,
    VoiceModel,
    Waveform,
)
from synthesis.engines.xtts.door import StoppingCriteria, StoppingCriteriaList, load_model
from synthesis.engines.xtts.facts import FACTS
from synthesis.engines.xtts.text import clean_text, split_text
from synthesis.engines.xtts.weights import check_weights

_REFERENCE_RATE = 22050
_REFERENCE_SECONDS_MIN = 3.0
_SILENT = 1e-3  # peak under which a recording gives latents that are not numbers

_TOKENS_MAX = 400  # a line of 402 is an assertion error in the model
_SECONDS_PER_CHARACTER_MAX = 0.13  # half of a slow reading speed
_SECONDS_SPARE = 2.0
_CODES_MIN = 8  # 0.37 s; the decoder needs six
_ATTEMPTS = 3
_PAUSE_SECONDS = 0.15  # between the pieces of a line


class XttsEngine:
    """One loaded model, one line at a time: XTTS keeps state between steps, so a lock spans a whole job.

    ``registered`` gives the SHA-256 of each weights file, see weights.FILES. ``device`` is one as torch names
    it; by default a GPU where there is one.
    """

    facts = FACTS

    def __init__(self, directory: Path, registered: Mapping[str, str], device: str | None = None) -> None:
        self._directory = directory
        self._registered = dict(registered)
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._lock = Lock()
        self._stopping = Event()
        self._model: Any = None
        self._weights = ""

    def warm_up(self) -> None:
        """Checks and loads the weights. Raises EngineError ``engine.weights_missing`` or ``_changed``."""
        with self._lock:
            self._load()

    def stop(self) -> None:
        self._stopping.set()

    def enrol(self, recordings: Sequence[Recording], *, language: str, progress: Progress) -> VoiceModel:
        """Conditioning latents of one speaker from 3 s of speech or more; seconds of work, no training."""
        self._require_language(language, EnrolmentError)
        references = [_as_reference(recording) for recording in recordings]
        seconds = sum(map(len, references)) / _REFERENCE_RATE
        if seconds < _REFERENCE_SECONDS_MIN:
            raise EnrolmentError(
                "engine.recordings_too_short",
                f"The recordings are {seconds:.1f} s long, {_REFERENCE_SECONDS_MIN:.0f} s are needed.",
                "Add a recording.",
            )
        with self._lock:
            self._stopping.clear()
            progress(0.0, "Loading the model")
            model = self._load()
            config = model.config
            speakers = []
            for number, reference in enumerate(references, start=1):
                if self._stopping.is_set():
                    raise SpeechStoppedError
                progress(number / (len(references) + 1), "Listening to the recordings")
                heard = torch.from_numpy(reference)[None, : config.max_ref_len * _REFERENCE_RATE]
                speakers.append(model.get_speaker_embedding(heard, _REFERENCE_RATE))
            speech = torch.from_numpy(np.concatenate(references))[None]
            latent = model.get_gpt_cond_latents(
                speech, _REFERENCE_RATE, length=config.gpt_cond_len, chunk_length=config.gpt_cond_chunk_len
            )
            tensors = {"gpt_cond_latent": latent, "speaker_embedding": torch.stack(speakers).mean(dim=0)}
            if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
                raise EnrolmentError(
                    "engine.latents_broken",
                    "The engine could make nothing of the recordings.",
                    "Record again.",
                )
            tensors["weights"] = torch.frombuffer(bytearray.fromhex(self._weights), dtype=torch.uint8)
            data = safetensors.torch.save(
                {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
            )
            progress(1.0, "Enrolled")
        return VoiceModel(data, {"recordings": len(references), "seconds": round(seconds, 2)})

    def speak(self, model: bytes, text: str, *, language: str, seed: int = 0) -> Speech:
        self._require_language(language, SpeechError)
        text = clean_text(text)
        if not any(character.isalnum() for character in text):
            raise SpeechError(
                "engine.nothing_to_say", "The line has no words.", "Write the line as it is to be said."
            )
        with self._lock:
            self._stopping.clear()
            loaded = self._load()
            voice = self._open_voice(model)
            pause = np.zeros(round(_PAUSE_SECONDS * self.facts.sample_rate), np.float32)
            parts: list[Waveform] = []
            for number, piece in enumerate(split_text(text, lambda piece: _fits(loaded, piece, language))):
                parts += [pause] * bool(parts)
                parts.append(self._say(piece, voice, language, f"{seed}/{number}"))
        return Speech(np.concatenate(parts), self.facts.sample_rate)

    def _say(self, piece: str, voice: dict[str, torch.Tensor], language: str, seed: str) -> Waveform:
        model = self._model
        spoken = model.tokenizer.preprocess_text(piece, language)
        seconds = _SECONDS_SPARE + _SECONDS_PER_CHARACTER_MAX * len(spoken)
        codes = ceil(seconds * model.args.input_sample_rate / model.args.gpt_code_stride_len)
        gpus = [torch.device(self._device)] if self._device.startswith("cuda") else []
        for attempt in range(_ATTEMPTS):
            watch = _Watch(self._stopping, model.gpt.stop_audio_token)
            with torch.random.fork_rng(devices=gpus):
                torch.manual_seed(int(hashlib.sha256(f"{seed}/{attempt}".encode()).hexdigest()[:15], 16))
                said = model.inference(
                    piece,
                    language,
                    voice["gpt_cond_latent"],
                    voice["speaker_embedding"],
                    temperature=model.config.temperature,
                    length_penalty=model.config.length_penalty,
                    repetition_penalty=model.config.repetition_penalty,
                    top_k=model.config.top_k,
                    top_p=model.config.top_p,
                    min_new_tokens=_CODES_MIN,
                    max_new_tokens=min(codes, model.gpt.max_gen_mel_tokens),
                    stopping_criteria=StoppingCriteriaList([watch]),
                )["wav"]
            if not np.isfinite(said).all():
                raise SpeechError(
                    "engine.audio_broken", "The engine made sound that is not audio.", "Try again."
                )
            if watch.ended:
                return _clip(said)
        raise SpeechError(
            "engine.ran_on",
            f"The engine did not find the end of the line in {_ATTEMPTS} attempts.",
            "Shorten or reword the line.",
        )

    def _load(self) -> Any:
        if self._model is None:
            self._weights = check_weights(self._directory, self._registered)
            self._model = load_model(self._directory, self._device)
        return self._model

    def _open_voice(self, data: bytes) -> dict[str, torch.Tensor]:
        try:
            voice = safetensors.torch.load(data)
            made_with = bytes(voice.pop("weights").tolist()).hex()
        except (safetensors.SafetensorError, KeyError) as error:
            raise SpeechError(
                "engine.model_unreadable", "This is not a voice model of XTTS.", "Enrol the voice again."
            ) from error
        if made_with != self._weights:
            raise SpeechError(
                "engine.model_outdated",
                "The voice was enrolled with other weights than those in use.",
                "Enrol the voice again.",
            )
        return voice

    def _require_language(self, language: str, refusal: type[EngineError]) -> None:
        if language not in self.facts.languages:
            raise refusal(
                "engine.language_unknown",
                f"XTTS does not speak “{language}” here.",
                f"It speaks {', '.join(self.facts.languages)}.",
            )


class _Watch(StoppingCriteria):
    """Looks at every new code: has somebody called ``stop``, is it the end code?"""

    def __init__(self, stopping: Event, end_code: int) -> None:
        self.ended = False
        self._stopping = stopping
        self._end_code = end_code

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        if self._stopping.is_set():
            raise SpeechStoppedError
        self.ended = bool((input_ids[:, -1] == self._end_code).all())
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def _fits(model: Any, piece: str, language: str) -> bool:
    short = len(piece) <= model.tokenizer.char_limits[language]
    return short and len(model.tokenizer.encode(piece, language)) <= _TOKENS_MAX


def _as_reference(recording: Recording) -> Waveform:
    """Mono float32 at the rate XTTS listens at. A silent recording would make every latent not a number."""
    samples = recording.samples
    assert samples.ndim == 1, f"expected mono samples, got shape {samples.shape}"
    assert samples.dtype == np.float32, f"expected float32, got {samples.dtype}"
    if np.abs(samples).max(initial=0) < _SILENT:
        raise EnrolmentError("engine.recording_silent", "A recording has no sound in it.", "Leave it out.")
    divisor = gcd(recording.rate, _REFERENCE_RATE)
    resampled = resample_poly(samples, _REFERENCE_RATE // divisor, recording.rate // divisor)
    return _clip(resampled)


def _clip(samples: Waveform) -> Waveform:
    clipped: Waveform = np.clip(samples, -1, 1).astype(np.float32)
    return clipped
