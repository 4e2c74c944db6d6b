"""Personal data outside the log, bound to it by a commitment.

    commitment = SHA-256(salt ‖ canonical JSON of the data), salt = 32 random bytes

The salt is kept beside the data. Whoever erases the row erases both, and what stays in the log can
neither be opened nor guessed, while every proof over the leaf still holds.
"""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import models

from audit.log.models import PersonalData
from audit.merkle.canonical import canonical_bytes

SALT_BYTES = 32


def commitment(salt: bytes, body: bytes) -> str:
    return hashlib.sha256(salt + body).hexdigest()


def keep_private(event_id: UUID, subject: models.Model, private: Mapping[str, Any]) -> str:
    """Store ``private`` beside the log and return its commitment."""
    row = PersonalData.objects.create(
        event_id=event_id,
        salt=secrets.token_bytes(SALT_BYTES),
        body=canonical_bytes(private),
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk,
    )
    return commitment(row.salt, row.body)
