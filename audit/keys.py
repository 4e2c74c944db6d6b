"""This installation's keys. Every key is announced in the event log before it first signs.

An auditor therefore needs to trust the log's public key alone: all others are in the log.
"""

from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.actors import Actor
from audit.log.models import SigningKey
from audit.log.recording import record_event
from audit.signing import KeyRing, PublicKey

LOG_PURPOSE = "log"


def keyring() -> KeyRing:
    return KeyRing(Path(settings.KEYS_DIR), announce=announce_key)


@transaction.atomic
def announce_key(key: PublicKey) -> None:
    """Record ``key.created`` unless the log knows the key, in the transaction of what it is to sign."""
    if SigningKey.objects.filter(key_id=key.key_id).exists():
        return
    now = timezone.now()
    row, is_new = SigningKey.objects.get_or_create(
        key_id=key.key_id,
        defaults={"purpose": key.purpose, "public_key": key.raw, "created_at": now},
    )
    if is_new:
        record_event(
            action="key.created",
            actor=Actor.system("keys"),
            subject=row,
            payload={"key_id": key.key_id, "purpose": key.purpose, "public_key_sha256": key.digest},
            now=now,
        )
