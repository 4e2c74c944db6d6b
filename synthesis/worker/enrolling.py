"""Learning one voice on a worker: claim, prove the permission, unlock the granted recordings, learn, keep."""

import logging
import time
from collections.abc import Callable

from django.utils import timezone

from audit.actors import Actor
from audit.errors import VivaVoceError
from synthesis.engines.base import Recording, SpeechStoppedError
from synthesis.engines.registry import get_engine
from synthesis.errors import LeaseLostError
from synthesis.models import VoiceModel
from synthesis.worker.claims import Heartbeat, held, worker_name
from synthesis.worker.outcomes import begin_enrolment, fail_enrolment, finish_enrolment, give_back
from synthesis.worker.permits import permit_to_enrol
from synthesis.worker.rendering import Clock
from synthesis.worker.unlocking import unlock_recordings

PROGRESS_EVERY_S = 1.0
logger = logging.getLogger(__name__)


def enrol_voice(*, model_id: str, worker: str | None = None, clock: Clock = timezone.now) -> None:
    """Learn a voice or fail with a code; lines that wait for it follow either way.

    Raises only what nobody foresaw, after the model was given back for another attempt.
    """
    worker = worker or worker_name()
    actor = Actor.worker(worker)
    model = begin_enrolment(model_id=model_id, worker=worker, now=clock())
    if model is None:
        return
    try:
        _enrol_held(model, actor, clock)
    except (LeaseLostError, SpeechStoppedError):
        logger.info("Voice model %s was withdrawn or given to another worker; nothing was kept.", model.pk)
    except VivaVoceError as error:
        fail_enrolment(model=model, error=error, actor=actor, now=clock())
    except Exception:
        give_back(row=model, actor=actor, now=clock())
        raise


def _enrol_held(model: VoiceModel, actor: Actor, clock: Clock) -> None:
    permit = permit_to_enrol(model, now=clock())
    recordings = [
        Recording(x, rate, recording.transcript or None) for recording, x, rate in unlock_recordings(permit)
    ]
    engine = get_engine(permit.terms.engine)
    with Heartbeat(model, on_lost=engine.stop):
        learned = engine.enrol(recordings, language=permit.terms.language, progress=_progress_of(model))
        finish_enrolment(
            model=model,
            data=learned.data,
            version=engine.facts.version,
            metrics=learned.metrics,
            actor=actor,
            now=clock(),
        )


def _progress_of(model: VoiceModel) -> Callable[[float, str], None]:
    """Writes how far the engine is, at most once a second, for the page to show."""
    last = 0.0

    def report(share: float, stage: str) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_EVERY_S or share >= 1:
            last = time.monotonic()
            held(model).update(progress=min(max(share, 0.0), 1.0), stage=stage[:120])

    return report
