"""The voices a requester may choose from, what each may be used for, and what is left of its limits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from audit.errors import VivaVoceError
from consent.consents import active_consent
from consent.models import Voice
from consent.scope import Scope
from synthesis.freezes import require_unfrozen
from synthesis.requests.checking import sealed_scope, seconds_used


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """``refusal`` says why the voice cannot be asked for now; ``scope`` is None without a consent."""

    voice: Voice
    scope: Scope | None
    seconds_left: float
    refusal: VivaVoceError | None


def voice_choices(voices: Iterable[Voice], *, now: datetime) -> list[VoiceChoice]:
    return [voice_choice(voice, now=now) for voice in voices]


def voice_choice(voice: Voice, *, now: datetime) -> VoiceChoice:
    try:
        consent = active_consent(voice, now)
        scope = sealed_scope(consent)
    except VivaVoceError as error:
        return VoiceChoice(voice, None, 0.0, error)
    left = max(0.0, scope.max_seconds_total - seconds_used(consent))
    try:
        require_unfrozen(voice)
    except VivaVoceError as error:
        return VoiceChoice(voice, scope, left, error)
    return VoiceChoice(voice, scope, left, None)
