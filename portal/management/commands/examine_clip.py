"""The child process behind the page that looks for our watermark in an uploaded file.

Standard input is the audio. Standard output is one line of JSON: ``{"run": UUID}`` or
``{"code", "message", "remedy", "status"}``. The web process, which must not load torch, calls this.
"""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from audit.access import get_acting_person
from audit.actors import Actor
from audit.errors import VivaVoceError
from synthesis.detection import detect_audio


class Command(BaseCommand):
    help = "Look for the portal's watermark in the audio on standard input, for one person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--person", required=True)
        parser.add_argument("--thorough", action="store_true")

    def handle(self, *args: Any, person: str, thorough: bool, **options: Any) -> None:
        try:
            run = detect_audio(
                data=sys.stdin.buffer.read(),
                thorough=thorough,
                actor=Actor.from_person(get_acting_person(person)),
                now=timezone.now(),
            )
            answer: dict[str, Any] = {"run": str(run.pk)}
        except VivaVoceError as error:
            answer = {
                "code": error.code,
                "message": error.message,
                "remedy": error.remedy,
                "status": error.http_status,
            }
        self.stdout.write(json.dumps(answer))
