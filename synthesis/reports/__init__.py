"""What this app adds to audit reports, evidence packages and the check of the log."""

from synthesis.reports.evidence import register_all_evidence
from synthesis.reports.invariants import register_all_invariants
from synthesis.reports.sections import register_all_sections

__all__ = ["register_all_evidence", "register_all_invariants", "register_all_sections"]
