"""Which audio somebody asked about, and what was found in it."""

import uuid

from django.conf import settings
from django.db import models

from synthesis.models.renders import Render


class DetectionRun(models.Model):
    """One look for a watermark. The audio itself is not kept, only its digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sha256 = models.CharField(max_length=64)  # of the bytes as received, hex
    seconds = models.FloatField()
    watermark_id = models.BigIntegerField(null=True, blank=True)  # null where none was read
    render = models.ForeignKey(
        Render, null=True, blank=True, on_delete=models.PROTECT, related_name="detections"
    )  # null where none was read, or the id is no render's
    score = models.FloatField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"detection {self.id}"
