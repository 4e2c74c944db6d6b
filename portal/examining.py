"""Looking for the watermark in an upload, in a child process: the detector computes with torch."""

import json
import subprocess
import sys

from django.conf import settings

from audit.errors import VivaVoceError
from audit.models import Person
from synthesis.access import get_detection
from synthesis.models import DetectionRun

PATIENCE_S = 120


class ExaminationError(VivaVoceError):
    """The file could not be examined; ``http_status`` is that of the refusal behind it."""

    def __init__(self, code: str, message: str, remedy: str = "", status: int = 422) -> None:
        super().__init__(code, message, remedy)
        self.http_status = status


def examine_clip(data: bytes, *, person: Person, thorough: bool = False) -> DetectionRun:
    """What `synthesis.detection.detect_audio` finds for ``person``.

    Raises:
        ExaminationError: with the code of what refused, or ``detection.took_too_long``, ``detection.broken``.
    """
    command = [sys.executable, "manage.py", "examine_clip", "--person", str(person.pk)]
    if thorough:
        command.append("--thorough")
    try:
        child = subprocess.run(
            command, input=data, capture_output=True, cwd=settings.BASE_DIR, timeout=PATIENCE_S, check=True
        )
    except subprocess.TimeoutExpired:
        raise ExaminationError(
            "detection.took_too_long", "This file takes too long to examine.", "Try a shorter part of it."
        ) from None
    except subprocess.CalledProcessError as error:
        detail = error.stderr.decode(errors="replace")[-2000:]
        raise RuntimeError(f"examine_clip exited with {error.returncode}: {detail}") from error
    answer = json.loads(child.stdout.splitlines()[-1])
    if "code" in answer:
        raise ExaminationError(**answer)
    return get_detection(person, answer["run"])
