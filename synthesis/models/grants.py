"""Permits, and the stop sign above them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from consent.models import Consent, Voice
from synthesis.grants import GrantKind
from synthesis.models.requests import SpeechRequest


class Grant(models.Model):
    """A signed permit for a worker. ``record`` is the truth, the columns are its index."""

    Kind = models.TextChoices(
        "Kind", [(kind.name, (kind.value, kind.name.capitalize())) for kind in GrantKind]
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    request = models.ForeignKey(
        SpeechRequest, null=True, blank=True, on_delete=models.PROTECT, related_name="grants"
    )
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="grants")
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="grants")
    engine = models.CharField(max_length=64)
    record = models.BinaryField()
    digest = models.CharField(max_length=64)
    signature = models.BinaryField()
    key_id = models.CharField(max_length=64)
    not_before = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(not_before__lt=F("expires_at")), name="grant_times_in_order"),
            models.CheckConstraint(
                condition=~Q(kind="render") | Q(request__isnull=False), name="grant_to_render_has_request"
            ),
            models.UniqueConstraint(
                fields=["request"],
                condition=Q(kind="render", revoked_at=None),
                name="grant_one_standing_per_request",
            ),
        ]
        # The scheduler's question: which standing grants have run out?
        indexes = [models.Index(fields=["expires_at"], name="grant_due", condition=Q(revoked_at=None))]

    def __str__(self) -> str:
        return f"{self.kind} grant {self.id}"


class Freeze(models.Model):
    """A stop sign for one voice, or for everything where ``voice`` is null."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    voice = models.ForeignKey(Voice, null=True, blank=True, on_delete=models.PROTECT, related_name="freezes")
    reason = models.TextField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )  # null for an owner who came by link
    created_at = models.DateTimeField()
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["voice"],
                condition=Q(lifted_at=None),
                nulls_distinct=False,
                name="freeze_one_standing_per_voice",
            ),
        ]

    def __str__(self) -> str:
        return f"freeze of {self.voice or 'everything'}"
