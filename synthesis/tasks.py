"""Tasks: each takes ids and calls one operation.

Imports stand inside the bodies: queue ``gpu`` loads engines, which the web process, which imports this module
to send tasks, must not; and the operations themselves send these tasks.
"""

from typing import Any

from celery import shared_task
from celery.signals import celeryd_after_setup, worker_process_init
from django.conf import settings
from django.utils import timezone

_queues: set[str] = set()


@shared_task(time_limit=900)
def speak_line(render_id: str) -> None:
    from synthesis.worker.rendering import speak_line as run

    run(render_id=render_id)


@shared_task(time_limit=1800)
def enrol_voice(model_id: str) -> None:
    from synthesis.worker.enrolling import enrol_voice as run

    run(model_id=model_id)


@shared_task
def requeue_lost() -> int:
    """For the scheduler, every ten seconds."""
    from synthesis.dispatch import requeue_lost as run

    return run(now=timezone.now())


@shared_task
def expire_permits() -> int:
    """For the scheduler, every minute."""
    from synthesis.dispatch import expire_permits as run

    return run(now=timezone.now())


@celeryd_after_setup.connect
def remember_queues(instance: Any, **kwargs: Any) -> None:
    """In a worker's parent process, before it forks the one that works."""
    _queues.update(instance.app.amqp.queues.consume_from)


@worker_process_init.connect
def get_ready(**kwargs: Any) -> None:
    """In the process that works: take up what a dead worker left, load the engine before the first line."""
    from synthesis.dispatch import requeue_lost as sweep

    sweep(now=timezone.now())
    if "gpu" in _queues:
        from synthesis.engines.registry import get_engine
        from synthesis.worker.local_engines import offer_local_engines

        offer_local_engines()
        get_engine(settings.DEFAULT_ENGINE).warm_up()
