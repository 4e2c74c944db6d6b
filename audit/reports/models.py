"""Reports as made: the PDF's bytes stay, because the log holds their digest."""

import uuid

from django.db import models
from django.db.models import F, Q


class ReportManager(models.Manager["Report"]):
    def get_queryset(self) -> models.QuerySet["Report"]:
        """Without the PDF, which is megabytes: it is read when somebody opens it."""
        return super().get_queryset().defer("pdf")


class Report(models.Model):
    """One audit report, from the wish for it to the finished PDF."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        BUILDING = "building", "Building"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    period_from = models.DateTimeField()
    period_to = models.DateTimeField()
    made_by = models.ForeignKey("audit.Person", null=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0)  # percent
    stage = models.CharField(max_length=80, blank=True)
    failure_code = models.CharField(max_length=80, blank=True)
    failure = models.TextField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    pdf = models.BinaryField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveIntegerField(default=0)  # bytes
    pages = models.PositiveIntegerField(default=0)
    log_size = models.BigIntegerField(null=True)
    checkpoint = models.TextField(blank=True)

    objects = ReportManager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(period_from__lte=F("period_to")), name="report_period_in_order"
            ),
            models.CheckConstraint(
                condition=~Q(status="ready")
                | (Q(pdf__isnull=False) & Q(log_size__isnull=False) & ~Q(sha256="")),
                name="report_ready_has_pdf",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """What people call the report by, in running heads and file names."""
        return f"VV-{self.created_at:%Y%m%d}-{str(self.id)[:8]}"
