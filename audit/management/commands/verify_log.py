"""manage.py verify_log: read the whole log again and say whether it is sound."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.log.proofs import latest_checkpoint
from audit.log.replay import replay_log
from audit.log.state import SignedState, read_state, write_state


class Command(BaseCommand):
    help = "Replay the event log: leaves, tree, checkpoints, inbox, personal data, invariants."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--restore-state",
            action="store_true",
            help="make the lost log-state.json again from the newest checkpoint, if all else is sound",
        )

    def handle(self, *args: Any, restore_state: bool, **options: Any) -> None:
        replay = replay_log()
        if restore_state and [finding.code for finding in replay.findings] == ["log.state_missing"]:
            self.restore_state()
            replay = replay_log()
        for finding in replay.findings:
            self.stderr.write(f"{finding.place}: {finding.message} [{finding.code}]")
        if not replay.is_sound:
            first = replay.findings[0]
            raise CommandError(f"The log is broken. First at {first.place}: {first.message}", returncode=1)
        self.stdout.write(
            f"OK: {replay.size} events, root {replay.root.hex()}, {replay.checkpoints} checkpoints, "
            f"{replay.size - replay.signed_size} not yet signed, {replay.pending} pending, "
            f"personal data of {replay.erased} erased."
        )

    def restore_state(self) -> None:
        newest = latest_checkpoint()
        if newest is None or read_state() is not None:
            raise CommandError("There is nothing to restore.")
        origin = newest.note.partition("\n")[0]
        write_state(SignedState(origin, newest.size, newest.root.hex()))
        self.stdout.write(f"log-state.json says again that {newest.size} events were signed.")
