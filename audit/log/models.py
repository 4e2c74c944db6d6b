"""The event log's tables.

Leaf, Node and Checkpoint are append-only: triggers refuse UPDATE, DELETE and TRUNCATE (migration 0002).
"""

import json
import uuid
from typing import Any

from django.db import models


class Event(models.Model):
    """What inbox and log have in common: the leaf's bytes, and copies of fields to find it by."""

    event_id = models.UUIDField(unique=True)
    body = models.BinaryField()
    action = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=64)
    subject_id = models.UUIDField()
    actor_id = models.CharField(max_length=64)
    time = models.DateTimeField()

    class Meta:
        abstract = True

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


class InboxEvent(Event):
    """An event that was recorded but has no place in the log yet."""

    id = models.BigAutoField(primary_key=True)

    def __str__(self) -> str:
        return f"{self.action} (pending)"


class Leaf(Event):
    """An event in the log. ``seq`` is its leaf index, ``hash`` SHA-256(0x00 ‖ body)."""

    seq = models.BigIntegerField(primary_key=True)
    hash = models.BinaryField()

    class Meta:
        verbose_name_plural = "leaves"
        indexes = [
            # One subject's story: events_about(subject).
            models.Index(fields=["subject_type", "subject_id", "seq"], name="leaf_by_subject"),
            # Evidence counts and the explorer's filter: events of one action, newest first.
            models.Index(fields=["action", "time"], name="leaf_by_action"),
            # What one person did, newest first.
            models.Index(fields=["actor_id", "seq"], name="leaf_by_actor"),
            # A report's period.
            models.Index(fields=["time"], name="leaf_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"


class Node(models.Model):
    """The root of a complete subtree: leaves ``position << level`` up to ``(position + 1) << level``.

    Level 0 is ``Leaf.hash`` and is not repeated here.
    """

    pk = models.CompositePrimaryKey("level", "position")
    level = models.SmallIntegerField()
    position = models.BigIntegerField()
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.level}/{self.position}"


class Checkpoint(models.Model):
    """A signed statement of the log's size and root (C2SP checkpoint), with the whole note as issued."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class PersonalData(models.Model):
    """Personal data of one event. The log holds only its commitment, so that this row may be erased."""

    event_id = models.UUIDField(primary_key=True)
    salt = models.BinaryField()
    body = models.BinaryField()
    subject_type = models.CharField(max_length=64)
    subject_id = models.UUIDField()

    class Meta:
        verbose_name_plural = "personal data"
        # Erasing what the log knows of one subject: erase_personal_data(subject).
        indexes = [models.Index(fields=["subject_type", "subject_id"], name="personal_data_by_subject")]

    def __str__(self) -> str:
        return str(self.event_id)

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.body)


class SigningKey(models.Model):
    """A public key that the log announced with a ``key.created`` event."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key_id = models.CharField(max_length=64, unique=True)
    purpose = models.CharField(max_length=32)
    public_key = models.BinaryField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key_id
