"""manage.py make_report --out report.pdf [--from 2026-11-01] [--to 2026-11-30]"""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit.actors import Actor
from audit.errors import VivaVoceError
from audit.management.arguments import add_period_arguments, write_whole
from audit.reports import build_report


class Command(BaseCommand):
    help = "Write the audit report of a period as a PDF."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="the PDF to write")
        add_period_arguments(parser)

    def handle(
        self, *, out: Path, period_from: datetime | None, period_to: datetime | None, **options: Any
    ) -> None:
        actor = Actor.system("make_report")
        try:
            report = build_report(
                period_from=period_from, period_to=period_to, actor=actor, now=timezone.now()
            )
        except VivaVoceError as error:
            raise CommandError(str(error)) from error
        write_whole(out, bytes(report.pdf))
        self.stdout.write(f"{out}: {report.reference}, {report.pages} pages, sha256 {report.sha256}")
