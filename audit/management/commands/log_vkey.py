"""manage.py log_vkey: the log's public key, the one thing an outsider has to trust."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit.log.sequencer import log_signer


class Command(BaseCommand):
    help = "Print the log's public key as a C2SP verifier key, or write it to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, help="write log.vkey here instead of printing it")

    def handle(self, *args: Any, out: Path | None, **options: Any) -> None:
        line = str(log_signer().verifier)
        if out:
            out.write_text(f"{line}\n")
        else:
            self.stdout.write(line)
