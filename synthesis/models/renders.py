"""What workers make: voice models and clips."""

import uuid

from django.db import models
from django.db.models import Q

from consent.models import VaultObject, Voice
from synthesis.models.grants import Grant
from synthesis.models.requests import ScriptLine, SpeechRequest


class Claimed(models.Model):
    """Work that one worker at a time holds.

    ``attempts`` counts claims and is the fence: a worker may only write while the row still carries the
    number of its own claim. ``heartbeat_at`` says when the holder was last known to be alive.
    """

    claimed_by = models.CharField(max_length=120, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_message = models.TextField(blank=True)
    created_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class VoiceModel(Claimed):
    """What an engine has learned of a voice. Its bytes lie in the vault."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting"
        ENROLLING = "enrolling", "Learning"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        WITHDRAWN = "withdrawn", "Withdrawn"
        REPLACED = "replaced", "Replaced by a newer model"

    TRANSITIONS = {
        Status.QUEUED: {Status.ENROLLING, Status.FAILED, Status.WITHDRAWN},
        Status.ENROLLING: {Status.QUEUED, Status.READY, Status.FAILED, Status.WITHDRAWN},
        Status.READY: {Status.REPLACED, Status.WITHDRAWN},
        Status.FAILED: set(),
        Status.WITHDRAWN: set(),
        Status.REPLACED: set(),
    }
    HELD = (Status.ENROLLING,)
    UNFINISHED = (Status.QUEUED, Status.ENROLLING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="models")
    engine = models.CharField(max_length=64)
    engine_version = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    object = models.OneToOneField(
        VaultObject, null=True, blank=True, on_delete=models.PROTECT, related_name="voice_model"
    )
    grant = models.ForeignKey(
        Grant, null=True, blank=True, on_delete=models.PROTECT, related_name="voice_models"
    )  # null for a model that was imported
    recording_digests = models.JSONField(default=list)
    progress = models.FloatField(default=0.0)  # 0 to 1
    stage = models.CharField(max_length=120, blank=True)  # in words, for the page
    metrics = models.JSONField(default=dict)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["voice", "engine"],
                condition=Q(status__in=["queued", "enrolling"]),
                name="voice_model_one_in_the_making",
            ),
            models.UniqueConstraint(
                fields=["voice", "engine"], condition=Q(status="ready"), name="voice_model_one_ready"
            ),
            models.CheckConstraint(
                condition=~Q(status="ready") | Q(object__isnull=False), name="voice_model_ready_has_object"
            ),
        ]
        # The sweep: held models by heartbeat.
        indexes = [
            models.Index(
                fields=["status", "heartbeat_at"],
                name="voice_model_sweep",
                condition=Q(status__in=["queued", "enrolling"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.engine} model of {self.voice_id}"


class Render(Claimed):
    """One line's clip, from waiting to release."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting"
        SPEAKING = "speaking", "Speaking"
        MARKING = "marking", "Marking"
        CHECKING = "checking", "Checking"
        READY = "ready", "Ready"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        WITHDRAWN = "withdrawn", "Withdrawn"
        DESTROYED = "destroyed", "Destroyed"

    # Back to queued: the holder died or met a passing fault, and the line is given out again.
    TRANSITIONS = {
        Status.QUEUED: {Status.SPEAKING, Status.REFUSED, Status.FAILED, Status.WITHDRAWN},
        Status.SPEAKING: {
            Status.QUEUED,
            Status.MARKING,
            Status.REFUSED,
            Status.FAILED,
            Status.WITHDRAWN,
        },
        Status.MARKING: {
            Status.QUEUED,
            Status.CHECKING,
            Status.REFUSED,
            Status.FAILED,
            Status.WITHDRAWN,
        },
        Status.CHECKING: {Status.QUEUED, Status.READY, Status.REFUSED, Status.FAILED, Status.WITHDRAWN},
        Status.READY: {Status.WITHDRAWN, Status.DESTROYED},
        Status.REFUSED: set(),
        Status.FAILED: set(),
        Status.WITHDRAWN: {Status.DESTROYED},
        Status.DESTROYED: set(),
    }
    HELD = (Status.SPEAKING, Status.MARKING, Status.CHECKING)
    UNFINISHED = (Status.QUEUED, *HELD)
    LIVE = (*UNFINISHED, Status.READY)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(SpeechRequest, on_delete=models.PROTECT, related_name="renders")
    line = models.ForeignKey(ScriptLine, on_delete=models.PROTECT, related_name="renders")
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="renders")
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    watermark_id = models.BigIntegerField(unique=True)  # 32 bits, unsigned
    object = models.OneToOneField(
        VaultObject, null=True, blank=True, on_delete=models.PROTECT, related_name="render"
    )
    seconds = models.FloatField(null=True, blank=True)  # of the whole clip
    voice_seconds = models.FloatField(null=True, blank=True)  # in the owner's voice: what a consent limits
    media = models.CharField(max_length=40, default="audio/flac")
    sha256 = models.CharField(max_length=64, blank=True)  # of the clip's bytes, hex
    measurements = models.JSONField(default=dict)

    class Meta:
        ordering = ["line__position"]
        constraints = [
            models.UniqueConstraint(
                fields=["line"],
                condition=Q(status__in=["queued", "speaking", "marking", "checking", "ready"]),
                name="render_one_live_per_line",
            ),
            models.CheckConstraint(
                condition=~Q(status="ready") | (Q(object__isnull=False) & ~Q(sha256="")),
                name="render_ready_has_object",
            ),
            models.CheckConstraint(
                condition=Q(watermark_id__gte=0, watermark_id__lt=2**32), name="render_watermark_32_bits"
            ),
        ]
        # The sweep: unfinished renders by heartbeat. Few rows at any time.
        indexes = [
            models.Index(
                fields=["status", "heartbeat_at"],
                name="render_sweep",
                condition=Q(status__in=["queued", "speaking", "marking", "checking"]),
            )
        ]

    def __str__(self) -> str:
        return f"render {self.id}"
