"""Run the main job from end to end and leave its results in a folder."""

import json
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, call_command
from django.core.management.base import CommandParser

from audit.errors import VivaVoceError
from portal.demo.model import RECORDINGS, demo_voice_model
from portal.journey import Journey, audio_files, script_lines

DEMO_SCRIPT = RECORDINGS.parent / "script.txt"


class Command(BaseCommand):
    help = "Owner, recordings, consent, request, decisions, grant, worker, clips, log, audit: all for real."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--recordings", type=Path, help="folder of WAV, FLAC or MP3 files of one speaker")
        parser.add_argument("--script", type=Path, default=DEMO_SCRIPT, help="text file, one line per clip")
        parser.add_argument("--out", type=Path, required=True, help="folder for the results")
        parser.add_argument(
            "--json", action="store_true", help="print journey.json at the end, progress to stderr"
        )

    def handle(self, *, recordings: Path | None, script: Path, out: Path, json: bool, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        say = self.stderr.write if json else self.stdout.write
        try:
            journey = Journey(
                recordings=audio_files(recordings or RECORDINGS),
                script=script_lines(script),
                out=out,
                say=say,
                ready_model=demo_voice_model() if recordings is None else None,
            )
            facts = journey.run()
        except (VivaVoceError, OSError) as error:
            raise CommandError(str(error)) from error
        self.summarise(facts, out, as_json=json)

    def summarise(self, facts: dict[str, Any], out: Path, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(facts, indent=2, default=str))
            return
        for line in facts["lines"]:
            marked = "found" if line["watermark_detected"] == line["watermark_id"] else "NOT FOUND"
            self.stdout.write(
                f"  {line['file']}  {line['seconds']:.1f} s  CAM++ {line['similarity_campp']:.2f}  "
                f"GE2E {line['similarity_ge2e']:.2f}  WER {line['word_error_rate']}  watermark {marked}"
            )
        self.stdout.write(f"Done in {facts['wall_s']:.0f} s. Results are in {out}.")
        self.stdout.write(
            f"Check them: python -m audit.merkle.verify {out / 'evidence.zip'} --key {out / 'log.vkey'}"
        )
