"""Check a sealed consent or receipt that somebody holds as a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.management.base import BaseCommand, CommandError

from audit.errors import VerificationError
from audit.keys import keyring
from audit.signing import PublicKey
from consent.consents.records import KEY_PURPOSE, verify_record_file


class Command(BaseCommand):
    help = (
        "Check the signature of a sealed consent or revocation receipt (the JSON file from the PDF's "
        "attachments or from the owner's page). Says which key it trusts. Needs no network."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="consent-sealed.json or a receipt")
        parser.add_argument(
            "--key", type=Path, help="the organisation's public key (PEM); default: this installation's keys"
        )

    def handle(self, *, file: Path, key: Path | None, **options: Any) -> None:
        try:
            given = read_public_key(key) if key else None
            record, used = verify_record_file(
                file.read_bytes(), lambda key_id: given or keyring().public_key(key_id)
            )
        except OSError as error:
            raise CommandError(f"Cannot read {error.filename}: {error.strerror}.") from error
        except VerificationError as error:
            raise CommandError(str(error)) from error
        trusted = f"the key in {key}" if key else "this installation's key"
        self.stdout.write(self.style.SUCCESS("OK"))
        self.stdout.write(f"{record['type']} record, signed by {used.key_id} ({trusted})")
        if record["type"] == "consent":
            signature = record["signature"]
            self.stdout.write(
                f"{signature['typed_name']}, {signature['local_time']} {signature['time_zone']}"
            )
            for term in record["terms"]:
                self.stdout.write(f"  {term['title']}: {term['text']}")


def read_public_key(path: Path) -> PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except ValueError as error:
        raise CommandError(f"{path} is not a public key in PEM.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise CommandError(f"{path} is not an Ed25519 key.")
    return PublicKey.of(KEY_PURPOSE, key)
