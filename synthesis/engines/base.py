"""What every engine offers, whichever model is behind it.

An engine knows nothing of people, consents or grants: it turns recordings into the bytes of a voice model and
a line of text into a waveform. Whoever calls it has checked the grant. No engine stands in for another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audit.errors import VivaVoceError

Waveform = NDArray[np.float32]
Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and what is being done, every few seconds."""


class EngineError(VivaVoceError):
    """An engine cannot do what was asked."""


class EnrolmentError(EngineError):
    """The recordings did not become a voice that may be used."""


class SpeechError(EngineError):
    """The line cannot be spoken."""


class SpeechStoppedError(EngineError):
    """Work ended early because ``stop`` was called."""

    def __init__(self) -> None:
        super().__init__(
            "engine.stopped", "The engine was told to stop.", "Start the job again if it is still wanted."
        )


@dataclass(frozen=True)
class EngineFacts:
    name: str
    version: str
    licence: str
    commercial_use: bool
    languages: tuple[str, ...]
    sample_rate: int
    """Hz, of what it speaks."""
    devices: tuple[str, ...]
    needs_transcript: bool


@dataclass(frozen=True)
class Recording:
    """One accepted recording: mono float32 in [-1, 1], its rate in Hz, and its words where they are known."""

    samples: Waveform
    rate: int
    transcript: str | None = None


@dataclass(frozen=True)
class VoiceModel:
    data: bytes
    metrics: dict[str, Any] = field(default_factory=dict)
    """Measured while enrolling; JSON values."""


@dataclass(frozen=True)
class Speech:
    samples: Waveform
    rate: int


class Engine(Protocol):
    facts: EngineFacts

    def enrol(self, recordings: Sequence[Recording], *, language: str, progress: Progress) -> VoiceModel:
        """Learn one speaker. Raises EnrolmentError, or SpeechStoppedError after ``stop``."""
        ...

    def speak(self, model: bytes, text: str, *, language: str, seed: int = 0) -> Speech:
        """Say one line; the same model, line and seed give the same samples on the same machine.

        Raises SpeechError, or SpeechStoppedError after ``stop``.
        """
        ...

    def warm_up(self) -> None:
        """Load what is needed, so that the first line is not slower than the next."""
        ...

    def stop(self) -> None:
        """End the work in progress at its next step; safe from another thread or a signal handler."""
        ...
