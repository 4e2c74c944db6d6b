"""Grants: the short, signed permits without which no worker speaks. Free of Django.

`terms` says what a grant holds and how it is written, `verification` what a worker checks, step by step.
"""

from synthesis.grants.terms import GrantedLine, GrantKind, GrantTerms
from synthesis.grants.verification import Intent, verify_grant

__all__ = ["GrantKind", "GrantTerms", "GrantedLine", "Intent", "verify_grant"]
