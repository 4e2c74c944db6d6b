"""The audit report (PDF) and the evidence package (ZIP), and what the apps above add to them."""

from audit.frameworks.periods import Period
from audit.reports.sections import Attachment, Figure, Record, Section, register_records, register_section

__all__ = ["Attachment", "Figure", "Period", "Record", "Section", "register_records", "register_section"]
