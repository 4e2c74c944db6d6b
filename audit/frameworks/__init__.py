"""Frameworks (NIST AI RMF and others): what each control asks of a voice portal and what answers it."""

from audit.frameworks.coverage import (
    NIST_AI_RMF,
    ControlState,
    CoverageCount,
    Finding,
    State,
    catalogues,
    control_state,
    coverage,
    coverage_by_function,
    coverage_by_tag,
    coverage_summary,
    events_in,
    evidence_events,
    get_catalogue,
)
from audit.frameworks.periods import Period
from audit.frameworks.registry import Evidence, register_evidence

__all__ = [
    "NIST_AI_RMF",
    "ControlState",
    "CoverageCount",
    "Evidence",
    "Finding",
    "Period",
    "State",
    "catalogues",
    "control_state",
    "coverage",
    "coverage_by_function",
    "coverage_by_tag",
    "coverage_summary",
    "events_in",
    "evidence_events",
    "get_catalogue",
    "register_evidence",
]
