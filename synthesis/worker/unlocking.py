"""Taking a voice out of the vault, once a permit allows it.

A worker keeps the last voice in memory, so that the lines of one script are spoken back to back without
decrypting anything again; the permit is proved anew before every line all the same.
"""

import hashlib
import io
from dataclasses import dataclass
from uuid import UUID

import soundfile

from consent import vault
from consent.consents import consented_recordings
from consent.hearing.audio import Waveform
from consent.models import Recording
from synthesis.errors import GrantError, RefusedError
from synthesis.worker.measuring import Reference, reference_of
from synthesis.worker.permits import EnrolPermit, SpeakPermit


@dataclass(frozen=True, slots=True)
class UnlockedVoice:
    """A voice model's bytes, and what the owner sounds like."""

    model_id: UUID
    data: bytes
    reference: Reference


_last: UnlockedVoice | None = None


def unlock_voice(permit: SpeakPermit) -> UnlockedVoice:
    """Raises VaultError ``vault.…``, RefusedError ``voice.no_reference``."""
    global _last
    if _last is None or _last.model_id != permit.model.pk:
        forget_voice()
        recordings = consented_recordings(permit.consent)
        if not recordings:
            raise RefusedError(
                "voice.no_reference",
                "No recording of the owner is left to compare the speech with.",
                "Add recordings and have a new consent signed that names them.",
            )
        assert permit.model.object is not None, "a ready model has an object, by constraint"
        _last = UnlockedVoice(
            model_id=permit.model.pk,
            data=vault.read_object(permit.model.object),
            reference=reference_of(_waveform(vault.read_object(each.object)) for each in recordings),
        )
    return _last


def forget_voice() -> None:
    """Drop the voice in memory; called whenever one was refused."""
    global _last
    _last = None


def unlock_recordings(permit: EnrolPermit) -> list[tuple[Recording, Waveform, int]]:
    """The granted recordings as waveforms, their bytes compared with the grant.

    Raises:
        VaultError: ``vault.…``.
        GrantError: ``grant.other_recording``.
    """
    unlocked = []
    for recording in permit.recordings:
        data = vault.read_object(recording.object)
        if hashlib.sha256(data).hexdigest() not in permit.terms.recordings:
            raise GrantError(
                "grant.other_recording",
                "The stored recording is not the one that was granted.",
                "Tell an auditor.",
            )
        unlocked.append((recording, *_waveform(data)))
    return unlocked


def _waveform(data: bytes) -> tuple[Waveform, int]:
    """Canonical FLAC, written by our own intake, as mono float32."""
    x, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert x.ndim == 1, f"want a mono recording, got shape {x.shape}"
    return x, rate
