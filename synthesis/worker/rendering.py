"""Speaking one line, from the task to the release.

1. Claim the line. A task that came twice, or too late, ends here.
2. Prove that it may be spoken (`permits`), by an engine whose licence allows the purpose. A refusal is
   recorded; nothing was unlocked.
3. Unlock the voice model and the owner's recordings, to compare with.
4. Speak, and measure whether it is the owner's voice and the approved words; a bad take is spoken again.
5. Mark: the notice where the consent asks for one, loudness, watermark.
6. Check: encode, decode, find the watermark.
7. Prove the permission once more and release, in one transaction.

Models and files are worked on outside any transaction. While the engine speaks, a heartbeat holds the line
and stops the engine within a second when the line is withdrawn.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone

from audit.actors import Actor
from audit.errors import VivaVoceError
from synthesis.conf import NON_COMMERCIAL_PURPOSES, LineLimits
from synthesis.engines.base import Engine, EngineFacts, Speech, SpeechStoppedError
from synthesis.engines.registry import get_engine
from synthesis.errors import LeaseLostError, RefusedError, SpeechFaultError
from synthesis.models import Render
from synthesis.worker.claims import Heartbeat, advance, worker_name
from synthesis.worker.marks import encode_and_read_back, mark, with_notice
from synthesis.worker.measuring import measure_line, require_good, require_speech
from synthesis.worker.outcomes import (
    Clip,
    begin_render,
    fail_render,
    give_back,
    refuse_render,
    release_clip,
)
from synthesis.worker.permits import SpeakPermit, permit_to_speak
from synthesis.worker.unlocking import UnlockedVoice, forget_voice, unlock_voice

TAKES = 3
Clock = Callable[[], datetime]
logger = logging.getLogger(__name__)


def speak_line(*, render_id: str, worker: str | None = None, clock: Clock = timezone.now) -> None:
    """Speak, refuse or fail one line; every outcome is a state of its render and an event.

    Raises only what nobody foresaw, after the line was given back for another attempt.
    """
    worker = worker or worker_name()
    actor = Actor.worker(worker)
    render = begin_render(render_id=render_id, worker=worker, actor=actor, now=clock())
    if render is None:
        return
    try:
        _speak_held(render, actor, clock)
    except (LeaseLostError, SpeechStoppedError):
        forget_voice()
        logger.info("Render %s was withdrawn or given to another worker; nothing was released.", render.pk)
    except Exception:
        give_back(row=render, actor=actor, now=clock())
        raise


def _speak_held(render: Render, actor: Actor, clock: Clock) -> None:
    try:
        permit = permit_to_speak(render, now=clock())
        engine = get_engine(permit.terms.engine)
        require_licence(engine.facts, permit.purpose)
        voice = unlock_voice(permit)
    except VivaVoceError as error:
        _refuse(render, error, actor, clock)
        return
    with Heartbeat(render, on_lost=engine.stop) as heartbeat:
        try:
            clip = make_clip(render, permit, voice, engine, heartbeat, clock)
        except (LeaseLostError, SpeechStoppedError):
            raise
        except VivaVoceError as error:
            fail_render(render=render, error=error, actor=actor, now=clock())
            return
        try:
            release_clip(render=render, clip=clip, actor=actor, now=clock())
        except LeaseLostError:
            raise
        except VivaVoceError as error:
            _refuse(render, error, actor, clock)


def require_licence(facts: EngineFacts, purpose: str) -> None:
    """Raises RefusedError ``engine.non_commercial``: such weights serve nothing that might earn money."""
    if not facts.commercial_use and purpose not in NON_COMMERCIAL_PURPOSES:
        raise RefusedError(
            "engine.non_commercial",
            f"The licence of {facts.name} allows no commercial use, and {purpose} counts as one.",
            "Have the portal speak with an engine whose licence allows it.",
        )


def make_clip(
    render: Render,
    permit: SpeakPermit,
    voice: UnlockedVoice,
    engine: Engine,
    heartbeat: Heartbeat,
    clock: Clock,
) -> Clip:
    """The finished clip of a held line.

    Raises:
        SpeechFaultError: ``speech.…``, ``notice.not_available``.
        MarkingError: ``marking.…``.
        LeaseLostError, SpeechStoppedError: the line was withdrawn meanwhile.
    """
    speech, measurements = _best_take(permit, voice, engine, heartbeat)
    voice_seconds = len(speech.samples) / speech.rate
    advance(render, to=Render.Status.MARKING, now=clock())
    audible = permit.terms.disclosure == "audible"
    if audible:
        speech = with_notice(speech, engine=engine, language=permit.language)
    marked = mark(speech, watermark_id=render.watermark_id)
    advance(render, to=Render.Status.CHECKING, now=clock())
    data, score = encode_and_read_back(
        marked, speech.rate, watermark_id=render.watermark_id, media=render.media
    )
    heartbeat.require()
    return Clip(
        data=data,
        seconds=round(len(marked) / speech.rate, 3),
        voice_seconds=round(voice_seconds, 3),
        measurements=measurements | {"watermark_score": round(score, 2), "notice": audible},
    )


def _best_take(
    permit: SpeakPermit, voice: UnlockedVoice, engine: Engine, heartbeat: Heartbeat
) -> tuple[Speech, dict[str, Any]]:
    """The first take that is good enough, and its measurements; the last take's fault where none is."""
    limits = LineLimits.from_settings()
    speaking_s = listening_s = 0.0
    for take in range(TAKES):
        started = time.perf_counter()
        speech = engine.speak(voice.data, permit.text, language=permit.language, seed=take)
        spoken = time.perf_counter()
        speaking_s += spoken - started
        heartbeat.require()
        try:
            require_speech(speech.samples, speech.rate, permit.text)
            measurements = measure_line(
                speech.samples,
                speech.rate,
                text=permit.text,
                language=permit.language,
                reference=voice.reference,
            )
            listening_s += time.perf_counter() - spoken
            require_good(measurements, text=permit.text, limits=limits)
        except SpeechFaultError as error:
            fault = error
            logger.info("Take %d: %s", take + 1, error)
        else:
            times = {"speaking_s": round(speaking_s, 3), "listening_s": round(listening_s, 3)}
            return speech, measurements | {"take": take + 1, "times": times}
    raise fault


def _refuse(render: Render, error: VivaVoceError, actor: Actor, clock: Clock) -> None:
    forget_voice()
    refuse_render(render=render, error=error, actor=actor, now=clock())
