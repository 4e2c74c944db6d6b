"""The tasks, once as plain calls and once in a worker process of their own."""

from collections.abc import Callable
from datetime import datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command

from audit.actors import Actor
from consent import tasks
from consent.models import Consent, Recording, Voice
from consent.recordings import add_recording
from tests.conftest import wait_until
from tests.consent.conftest import encoded, speech

# WeasyPrint leaves the colour profile that it puts into a PDF/A open until it is collected.
pytestmark = pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning")


def test_document_task_may_be_delivered_twice(signed: Consent) -> None:
    for _ in range(2):
        tasks.write_consent_document(str(signed.pk))
    assert Consent.objects.get(pk=signed.pk).document


@pytest.mark.parametrize("run", ["task", "command"])
def test_consents_end_on_schedule(signed: Consent, run: str) -> None:
    with time_machine.travel(signed.valid_until, tick=False):
        if run == "task":
            assert tasks.expire_consents() == 1
        else:
            out = StringIO()
            call_command("expire_consents", stdout=out)
            assert out.getvalue() == "1 consent changed.\n"
    assert Consent.objects.get(pk=signed.pk).status == Consent.Status.EXPIRED


@pytest.mark.django_db(transaction=True)
def test_worker_listens_to_what_was_added(
    start_worker: Callable, voice: Voice, steward: Actor, now: datetime
) -> None:
    start_worker("default")
    data = encoded(speech("slt", 0, 1))
    added = add_recording(voice=voice, data=data, filename="one.wav", actor=steward, now=now)

    def judged() -> bool:
        return Recording.objects.get(pk=added.pk).status != Recording.Status.CHECKING

    wait_until(judged, seconds=120, message="the worker did not judge the recording")
    assert Recording.objects.get(pk=added.pk).status == Recording.Status.ACCEPTED
