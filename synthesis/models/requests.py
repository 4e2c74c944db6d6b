"""What somebody asks a voice to say, and who decided on it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from audit.roles import Role
from consent.models import Consent, Voice


class Stage(models.TextChoices):
    """The readings a request goes through, in this order. OWNER only where the consent asks for it."""

    POLICY = "policy", "Policy"
    LEGAL = "legal", "Legal"
    OWNER = "owner", "Voice owner"

    @property
    def role(self) -> Role:
        return {
            Stage.POLICY: Role.POLICY_REVIEWER,
            Stage.LEGAL: Role.LEGAL_REVIEWER,
            Stage.OWNER: Role.VOICE_OWNER,
        }[self]


class SpeechRequest(models.Model):
    """A script for one voice with everything a reviewer needs to judge it."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Submitted"
        IN_REVIEW = "in_review", "In review"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        APPROVED = "approved", "Approved"
        RENDERING = "rendering", "Being spoken"
        READY = "ready", "Ready"
        REJECTED = "rejected", "Rejected"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"

    # Editing takes a request back to draft; whoever decided on it has to read it again.
    TRANSITIONS = {
        Status.DRAFT: {Status.SUBMITTED, Status.CANCELLED},
        Status.SUBMITTED: {
            Status.DRAFT,
            Status.IN_REVIEW,
            Status.CHANGES_REQUESTED,
            Status.REJECTED,
            Status.CANCELLED,
            Status.WITHDRAWN,
        },
        Status.IN_REVIEW: {
            Status.DRAFT,
            Status.IN_REVIEW,
            Status.APPROVED,
            Status.CHANGES_REQUESTED,
            Status.REJECTED,
            Status.CANCELLED,
            Status.WITHDRAWN,
        },
        Status.CHANGES_REQUESTED: {Status.DRAFT, Status.SUBMITTED, Status.CANCELLED, Status.WITHDRAWN},
        Status.APPROVED: {
            Status.RENDERING,
            Status.FAILED,
            Status.CANCELLED,
            Status.WITHDRAWN,
            Status.EXPIRED,
        },
        Status.RENDERING: {
            Status.READY,
            Status.FAILED,
            Status.CANCELLED,
            Status.WITHDRAWN,
            Status.EXPIRED,
        },
        Status.READY: {Status.WITHDRAWN},
        Status.FAILED: {Status.WITHDRAWN},
        Status.REJECTED: set(),
        Status.CANCELLED: set(),
        Status.WITHDRAWN: set(),
        Status.EXPIRED: set(),
    }
    EDITABLE = (Status.DRAFT, Status.CHANGES_REQUESTED, Status.SUBMITTED, Status.IN_REVIEW)
    UNDER_REVIEW = (Status.SUBMITTED, Status.IN_REVIEW)
    PERMITTED = (Status.APPROVED, Status.RENDERING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=16, unique=True)
    title = models.CharField(max_length=200)
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="speech_requests"
    )
    last_edited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="speech_requests")
    consent = models.ForeignKey(
        Consent, null=True, blank=True, on_delete=models.PROTECT, related_name="speech_requests"
    )  # pinned at submission
    purpose = models.CharField(max_length=40)
    channel = models.CharField(max_length=40)
    audience = models.CharField(max_length=200, blank=True)
    territory = models.CharField(max_length=12)
    language = models.CharField(max_length=12)
    note = models.TextField(blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    stage = models.CharField(max_length=12, choices=Stage, blank=True)  # whose decision is awaited
    outcome_code = models.CharField(max_length=64, blank=True)  # why it failed, was withdrawn or expired
    revision = models.PositiveIntegerField(default=1)
    digest = models.CharField(max_length=64, blank=True)  # of what was submitted
    estimated_seconds = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=(~Q(stage="") & Q(status__in=["submitted", "in_review"]))
                | (Q(stage="") & ~Q(status__in=["submitted", "in_review"])),
                name="request_stage_while_under_review",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "cancelled"]) | (Q(consent__isnull=False) & ~Q(digest="")),
                name="request_submitted_is_pinned",
            ),
        ]
        indexes = [
            # A reviewer's inbox: what waits for a stage, oldest first.
            models.Index(fields=["stage", "submitted_at"], name="request_inbox", condition=~Q(stage="")),
            # A requester's own list, newest first.
            models.Index(fields=["requester", "-created_at"], name="request_by_requester"),
            # Everybody's list by state, newest first.
            models.Index(fields=["status", "-created_at"], name="request_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


class ScriptLine(models.Model):
    """One line of a script, spoken as one clip."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(SpeechRequest, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()  # from 1
    text = models.CharField(max_length=600)
    sha256 = models.CharField(max_length=64)  # of the UTF-8 text, hex

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["request", "position"], name="line_position_once"),
            models.CheckConstraint(condition=Q(position__gte=1), name="line_positions_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.text}"


class Decision(models.Model):
    """A signed decision on exactly what the reviewer was shown. Kept when dismissed, and never altered."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approve"
        REQUEST_CHANGES = "request_changes", "Request changes"
        REJECT = "reject", "Reject"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(SpeechRequest, on_delete=models.PROTECT, related_name="decisions")
    stage = models.CharField(max_length=12, choices=Stage)
    verdict = models.CharField(max_length=20, choices=Verdict)
    reason = models.TextField(blank=True)
    request_digest = models.CharField(max_length=64)
    revision = models.PositiveIntegerField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="decisions"
    )  # null only for an owner who came by link
    role = models.CharField(max_length=32, choices=Role)
    acknowledged = models.JSONField(default=list)
    record = models.BinaryField()
    digest = models.CharField(max_length=64)
    signature = models.BinaryField()
    key_id = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    dismissed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["request", "stage"], condition=Q(dismissed_at=None), name="decision_one_per_stage"
            ),
            models.UniqueConstraint(
                fields=["request", "person"], condition=Q(dismissed_at=None), name="decision_one_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_stage_display()}: {self.get_verdict_display()}"
