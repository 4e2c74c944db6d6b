"""Background work of this app; each task takes ids and calls one operation."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from audit.reports.jobs import run_report


@shared_task(name="audit.tasks.build_report")
def build_report(report_id: str) -> None:
    run_report(UUID(report_id), now=timezone.now())
