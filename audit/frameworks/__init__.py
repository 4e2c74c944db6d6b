"""Frameworks (NIST AI RMF and others): what each control asks of a voice portal and what answers it."""

from audit.frameworks.periods import Period
from audit.frameworks.registry import Evidence, register_evidence

__all__ = ["Evidence", "Period", "register_evidence"]
