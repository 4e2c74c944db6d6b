"""The evidence package: everything that a stranger needs to check the log and a report without us.

Beside the files of `audit.log.export` (log, keys, manifest, verifier) it holds

    report.pdf                   the audit report of the period; the log holds its SHA-256
    tables/<name>.csv            the events of the period and every section, all rows
    tables/mapping.json          the frameworks' controls with their evidence
    records/<kind>/<id>.json     signed records, as signed, with <id>.sig.json
    index.html, README.txt       for people

The log goes from its first event to the checkpoint, whatever the period: a tree can only be checked whole.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.template.loader import render_to_string

from audit.actors import Actor
from audit.errors import ConflictError
from audit.frameworks.coverage import events_in
from audit.frameworks.periods import Period
from audit.log import record_event
from audit.log.export import log_files, newest_checkpoint, record_files, seal_files
from audit.log.models import Checkpoint
from audit.log.recording import rfc3339
from audit.merkle.canonical import sha256_hex
from audit.reports.content import CHECKPOINT_NAME, LogState, attached_files
from audit.reports.jobs import build_report, require_auditor
from audit.reports.models import Report
from audit.reports.sections import registered_records
from audit.roles import Role


@dataclass(frozen=True)
class FileRow:
    path: str
    size: int
    sha256: str


def build_evidence(
    *,
    period_from: datetime | None = None,
    period_to: datetime | None = None,
    actor: Actor,
    now: datetime,
) -> bytes:
    """The package as a ZIP: without a period, of everything up to `now`. Not inside a transaction.

    The export is itself an event, `evidence.exported`, with the package's SHA-256; it comes after the
    package's checkpoint and is found in the next one.

    Raises:
        NotAllowedError: ``access.role_missing`` for anyone but an auditor or the system.
        AuditError: ``report.period_reversed``, and whatever stops the building of the report.
    """
    report = build_report(period_from=period_from, period_to=period_to, actor=actor, now=now)
    return export_report(report=report, actor=actor, now=now)


def export_report(*, report: Report, actor: Actor, now: datetime) -> bytes:
    """The package of a report that is ready, without setting a page again. Not inside a transaction.

    Raises:
        NotAllowedError: ``access.role_missing`` for anyone but an auditor or the system.
        ConflictError: ``report.not_ready``.
    """
    require_auditor(actor)
    if report.status != Report.Status.READY:
        raise ConflictError(
            "report.not_ready",
            f"The report {report.reference} is {report.get_status_display().lower()}.",
            "Wait until it is ready, or try it again.",
        )
    # Records first: the events of all that is read here are then under the checkpoint that follows.
    records = _record_files(Period(report.period_from, report.period_to))
    checkpoint = newest_checkpoint()
    period = Period(report.period_from, report.period_to, checkpoint.size)
    files = log_files(checkpoint=checkpoint) | records
    files["report.pdf"] = bytes(report.pdf)
    tables = attached_files(checkpoint, period)
    files |= {f"tables/{table.name}": table.data for table in tables if table.name != CHECKPOINT_NAME}
    files |= _pages(files, report, checkpoint, period)
    files |= seal_files(files, checkpoint=checkpoint)
    package = zip_files(files, now)
    with transaction.atomic():
        record_event(
            action="evidence.exported",
            actor=actor,
            role=Role.AUDITOR if Role.AUDITOR in actor.roles else None,
            subject=report,
            payload={
                "sha256": sha256_hex(package),
                "period_from": rfc3339(period.start),
                "period_to": rfc3339(period.end),
                "log_size": checkpoint.size,
                "files": len(files),
            },
            now=now,
        )
    return package


def zip_files(files: Mapping[str, bytes], now: datetime) -> bytes:
    """Sorted by path and dated `now`, so that the same files give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in sorted(files.items()):
            member = zipfile.ZipInfo(path, date_time=now.astimezone(UTC).timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)
    return target.getvalue()


def _record_files(period: Period) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for kind, provider in registered_records().items():
        for record in provider(period):
            files |= record_files(kind=kind, **record._asdict())
    return files


def _pages(
    files: Mapping[str, bytes], report: Report, checkpoint: Checkpoint, period: Period
) -> dict[str, bytes]:
    context = {
        "report": report,
        "log": LogState.of(checkpoint),
        "period": period,
        "events": events_in(period).count(),
        "files": [FileRow(path, len(data), sha256_hex(data)) for path, data in sorted(files.items())],
    }
    return {
        "index.html": render_to_string("audit/evidence_index.html", context).encode(),
        "README.txt": render_to_string("audit/evidence_readme.txt", context).encode(),
    }
