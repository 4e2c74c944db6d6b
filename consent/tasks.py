"""Work for the ``default`` queue. Arguments are ids; each task loads its row and calls one operation."""

from celery import shared_task
from django.utils import timezone

from audit.actors import Actor
from consent.models import Consent, Recording


@shared_task(autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def check_recording(recording_id: str) -> None:
    # The speaker encoder needs torch, which the web process, that imports this module, must not load.
    from consent.intake.checking import finish_recording

    finish_recording(
        recording=Recording.objects.get(pk=recording_id),
        actor=Actor.worker("recording-check"),
        now=timezone.now(),
    )


@shared_task(autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def write_consent_document(consent_id: str) -> None:
    # WeasyPrint is slow to load, and only this task and the download of a missing document need it.
    from consent.documents import store_document

    store_document(consent=Consent.objects.get(pk=consent_id), now=timezone.now())


@shared_task
def expire_consents() -> int:
    """For the scheduler, every few minutes."""
    from consent.consents import expire_consents as run

    return run(actor=Actor.system("scheduler"), now=timezone.now())
