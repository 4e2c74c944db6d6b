"""The life of a report: asked for, built by a worker, ready, failed or cancelled.

    queued → building → ready | failed
    queued, building → cancelled
    failed, cancelled, and what a lost worker or broker left behind → queued

Whoever builds holds the report by its `started_at`: a second builder takes it over, and the first one
finds at its next step that it has lost it. So a report is finished once, whoever was killed on the way.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Min, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from audit.actors import Actor, ActorKind
from audit.errors import AuditError, ConflictError, VivaVoceError
from audit.frameworks.periods import Period
from audit.log import integrate_pending, latest_checkpoint, record_event
from audit.log.models import Leaf
from audit.log.recording import rfc3339
from audit.merkle.canonical import sha256_hex
from audit.reports.content import gather
from audit.reports.models import Report
from audit.roles import Role

logger = logging.getLogger(__name__)

Status = Report.Status
TRANSITIONS = {
    Status.QUEUED: {Status.QUEUED, Status.BUILDING, Status.CANCELLED},
    Status.BUILDING: {Status.BUILDING, Status.READY, Status.FAILED, Status.CANCELLED, Status.QUEUED},
    Status.FAILED: {Status.QUEUED},
    Status.CANCELLED: {Status.QUEUED},
    Status.READY: set(),
}
# A report takes seconds; one that is unfinished after this was left behind.
LOST_AFTER = timedelta(minutes=10)


class ReportStoppedError(Exception):
    """The report was cancelled, or another worker has taken it over."""


def request_report(*, period_from: datetime, period_to: datetime, actor: Actor, now: datetime) -> Report:
    """Ask for a report of the events from `period_from` up to, but not including, `period_to`.

    Raises:
        NotAllowedError: ``access.role_missing`` for anyone but an auditor or the system.
        AuditError: ``report.period_reversed``.
    """
    with transaction.atomic():
        report = _create_report(period_from, period_to, actor, now)
        _dispatch_on_commit(report)
    return report


def build_report(
    *,
    period_from: datetime | None = None,
    period_to: datetime | None = None,
    actor: Actor,
    now: datetime,
) -> Report:
    """Make a report here and now, for commands and for the evidence package. Not inside a transaction.

    Without a period it is of everything: from the earliest event of the log up to `now`.

    Raises what `request_report` raises, and AuditError with the code of whatever stopped the building.
    """
    end = period_to or now
    earliest = Leaf.objects.aggregate(time=Min("time"))["time"]
    start = period_from or min(earliest or end, end)
    report = _create_report(start, end, actor, now)
    run_report(report.pk, now=now, actor=actor)
    report.refresh_from_db()
    if report.status != Status.READY:
        raise AuditError(
            report.failure_code or "report.stopped", report.failure or "The report was cancelled."
        )
    return report


def retry_report(*, report: Report, actor: Actor, now: datetime) -> Report:
    """Queue a report again that failed, was cancelled, or was left behind by a lost worker.

    Raises:
        ConflictError: ``report.not_stopped`` for one that is ready, queued or being built.
    """
    require_auditor(actor)
    with transaction.atomic():
        report = Report.objects.select_for_update().get(pk=report.pk)
        unfinished = report.status in (Status.QUEUED, Status.BUILDING)
        lost = unfinished and (report.started_at or report.created_at) < now - LOST_AFTER
        if not lost and report.status not in (Status.FAILED, Status.CANCELLED):
            raise ConflictError(
                "report.not_stopped",
                f"The report {report.reference} is {report.get_status_display().lower()}.",
                "Wait for it, or cancel it first.",
            )
        report.status, report.progress, report.stage = Status.QUEUED, 0, ""
        report.failure_code = report.failure = ""
        report.started_at = report.finished_at = None
        report.save()
        _dispatch_on_commit(report)
    return report


def cancel_report(*, report: Report, actor: Actor, now: datetime) -> Report:
    """Stop a report that is queued or being built; nothing of it is kept. Cancelling twice changes nothing.

    Raises:
        ConflictError: ``report.finished`` for one that is ready or failed.
    """
    require_auditor(actor)
    with transaction.atomic():
        report = Report.objects.select_for_update().get(pk=report.pk)
        if report.status in (Status.READY, Status.FAILED):
            raise ConflictError(
                "report.finished",
                f"The report {report.reference} is {report.get_status_display().lower()}.",
                "Open it, or ask for another.",
            )
        if report.status != Status.CANCELLED:
            report.status, report.finished_at = Status.CANCELLED, now
            report.save(update_fields=["status", "finished_at"])
    return report


def run_report(report_id: UUID, *, now: datetime, actor: Actor | None = None) -> None:
    """Build a report that is queued, or that a lost worker left behind, and record `report.made`.

    A failure ends in the report's status and text. What was cancelled, or is finished, is left alone.
    `actor` is who the event names: by default the person who asked.
    """
    waiting = Report.objects.filter(pk=report_id, status__in=(Status.QUEUED, Status.BUILDING))
    if not waiting.update(status=Status.BUILDING, started_at=now, progress=0, stage="Starting"):
        return
    report = Report.objects.select_related("made_by").get(pk=report_id)
    held = Report.objects.filter(pk=report_id, status=Status.BUILDING, started_at=now)
    if actor is None:
        actor = Actor.from_person(report.made_by) if report.made_by else Actor.system("reports")

    def progress(percent: int, stage: str) -> None:
        if not held.update(progress=percent, stage=stage):
            raise ReportStoppedError(report.reference)

    try:
        _build(report, held, actor, now, progress)
    except ReportStoppedError:
        logger.info("Report %s was cancelled or taken over while it was being built.", report.reference)
    except VivaVoceError as error:
        text = f"{error.message} {error.remedy}".strip()
        held.update(status=Status.FAILED, failure_code=error.code, failure=text, finished_at=timezone.now())
    except Exception as error:
        logger.exception("Report %s failed.", report.reference)
        held.update(
            status=Status.FAILED,
            failure_code="report.fault",
            failure=f"{type(error).__name__}: {error}",
            finished_at=timezone.now(),
        )


def require_auditor(actor: Actor) -> Role | None:
    """The role acted in; the system itself needs none."""
    return None if actor.kind is ActorKind.SYSTEM else actor.require(Role.AUDITOR)


def _create_report(period_from: datetime, period_to: datetime, actor: Actor, now: datetime) -> Report:
    require_auditor(actor)
    if period_to < period_from:
        raise AuditError(
            "report.period_reversed",
            f"The period ends ({period_to:%Y-%m-%d}) before it starts ({period_from:%Y-%m-%d}).",
            "Choose an end after the start.",
        )
    return Report.objects.create(
        period_from=period_from, period_to=period_to, made_by=actor.person, created_at=now
    )


def _dispatch_on_commit(report: Report) -> None:
    # By name, because the task calls this module.
    transaction.on_commit(lambda: current_app.send_task("audit.tasks.build_report", args=[str(report.pk)]))


def _build(
    report: Report,
    held: QuerySet[Report],
    actor: Actor,
    now: datetime,
    progress: Callable[[int, str], None],
) -> None:
    # WeasyPrint takes a second and 45 MB that only the builder needs; the web process imports this module.
    from audit.reports.pdf import font_faces, write_pdf

    progress(1, "Reading the log")
    integrate_pending()
    checkpoint = latest_checkpoint()
    if checkpoint is None:
        raise RuntimeError("integrate_pending leaves a checkpoint, for it announces the log's own key.")
    content = gather(
        checkpoint=checkpoint,
        period=Period(report.period_from, report.period_to, checkpoint.size),
        made_by=actor.name,
        made_at=now,
        progress=progress,
    )
    progress(50, "Setting pages")
    html = render_to_string(
        "audit/report.html", {"report": report, "content": content, "fonts": font_faces()}
    )
    pdf = write_pdf(html, attachments=content.attachments, now=now, identifier=str(report.pk))
    progress(95, "Recording")
    digest = sha256_hex(pdf.data)
    with transaction.atomic():
        finished = held.update(
            status=Status.READY,
            progress=100,
            stage="",
            pdf=pdf.data,
            sha256=digest,
            size=len(pdf.data),
            pages=pdf.pages,
            log_size=checkpoint.size,
            checkpoint=checkpoint.note,
            finished_at=now,
        )
        if not finished:
            raise ReportStoppedError(report.reference)
        record_event(
            action="report.made",
            actor=actor,
            role=Role.AUDITOR if Role.AUDITOR in actor.roles else None,
            subject=report,
            payload={
                "sha256": digest,
                "period_from": rfc3339(report.period_from),
                "period_to": rfc3339(report.period_to),
                "log_size": checkpoint.size,
            },
            now=now,
        )
