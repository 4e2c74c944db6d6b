"""manage.py export_evidence --out evidence.zip [--from 2026-11-01] [--to 2026-11-30]"""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audit.actors import Actor
from audit.errors import VivaVoceError
from audit.management.arguments import add_period_arguments, write_whole
from audit.merkle.canonical import sha256_hex
from audit.reports import build_evidence


class Command(BaseCommand):
    help = "Write the evidence package of a period: the whole log, signed records, report and verifier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="the ZIP to write")
        add_period_arguments(parser)

    def handle(
        self, *, out: Path, period_from: datetime | None, period_to: datetime | None, **options: Any
    ) -> None:
        actor = Actor.system("export_evidence")
        try:
            package = build_evidence(
                period_from=period_from, period_to=period_to, actor=actor, now=timezone.now()
            )
        except VivaVoceError as error:
            raise CommandError(str(error)) from error
        write_whole(out, package)
        self.stdout.write(f"{out}: {len(package):,} bytes, sha256 {sha256_hex(package)}")
        self.stdout.write(f"Check it with: python -m audit.merkle.verify {out} --key log.vkey")
