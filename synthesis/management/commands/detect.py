from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.actors import Actor
from audit.errors import VivaVoceError
from synthesis.detection import detect_audio


class Command(BaseCommand):
    help = "Looks for this portal's watermark in an audio file and says which clip it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--thorough",
            action="store_true",
            help="also search changed speed, tempo and pitch (ten times slower)",
        )

    def handle(self, *, file: Path, thorough: bool, **options: Any) -> None:
        try:
            run = detect_audio(
                data=file.read_bytes(),
                thorough=thorough,
                actor=Actor.system("command-line"),
                now=timezone.now(),
            )
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        except VivaVoceError as error:
            raise CommandError(str(error)) from error
        if run.watermark_id is None:
            self.stdout.write(f"No watermark of this portal was found (score {run.score:.1f}).")
        elif run.render is None:
            self.stdout.write(
                f"A watermark of this portal was found, id {run.watermark_id:08x} (score {run.score:.1f}), "
                "but no clip has this id."
            )
        else:
            render = run.render
            self.stdout.write(
                f"This is ours: watermark {run.watermark_id:08x} (score {run.score:.1f}).\n"
                f"Clip      {render.pk}\n"
                f"Request   {render.request.number}, line {render.line.position}\n"
                f"Released  {render.ready_at:%d %B %Y %H:%M} UTC\n"
            )
