"""The audit report (PDF) and the evidence package (ZIP), and what the apps above add to them."""

from audit.frameworks.periods import Period
from audit.reports.jobs import build_report, cancel_report, request_report, retry_report, run_report
from audit.reports.package import build_evidence, export_report
from audit.reports.sections import Attachment, Figure, Record, Section, register_records, register_section

__all__ = [
    "Attachment",
    "Figure",
    "Period",
    "Record",
    "Section",
    "build_evidence",
    "build_report",
    "cancel_report",
    "export_report",
    "register_records",
    "register_section",
    "request_report",
    "retry_report",
    "run_report",
]
