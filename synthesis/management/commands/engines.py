from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from synthesis.engines.base import EngineError, EngineFacts
from synthesis.engines.kokoro.facts import FACTS as KOKORO
from synthesis.worker.local_engines import SUPPORTED, add_engine, check_engine, registrations


class Command(BaseCommand):
    help = "Lists the engines of this portal, registers weights for one, and checks what was registered."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="every engine that can be used here, with its licence")
        actions.add_parser("check", help="compare all registered weights with their digests")
        add = actions.add_parser("add", help="register a folder of weights by the digests of its files")
        add.add_argument("name", choices=sorted(SUPPORTED))
        add.add_argument("directory", type=Path)

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except EngineError as error:
            raise CommandError(str(error)) from error

    def _list(self, **options: Any) -> None:
        self._describe(KOKORO, "built in")
        for registration in registrations():
            self._describe(SUPPORTED[registration["engine"]], registration["directory"])

    def _check(self, **options: Any) -> None:
        for registration in registrations():
            self.stdout.write(f"{registration['engine']}  {check_engine(registration)}  OK")

    def _add(self, name: str, directory: Path, **options: Any) -> None:
        registration = add_engine(name, directory)
        for file, digest in registration["sha256"].items():
            self.stdout.write(f"{digest}  {file}")
        self.stdout.write(f"Registered. Licence: {SUPPORTED[name].licence}. Restart the gpu workers.")

    def _describe(self, facts: EngineFacts, where: str) -> None:
        commercial = "commercial use allowed" if facts.commercial_use else "non-commercial requests only"
        self.stdout.write(
            f"{facts.name} {facts.version}  ({where})\n"
            f"  {facts.licence}; {commercial}\n"
            f"  languages {', '.join(facts.languages)}; devices {', '.join(facts.devices)}"
        )
