"""Requests for speech: what may be asked, by whom, and how it moves from draft to the reviewers.

`script` holds the rules of a script, `checking` holds a request against the consent, `editing` is the
requester's side, `records` the digest that everybody signs.
"""

from synthesis.requests.checking import RequestCheck, ScopeRefusedError, check_request
from synthesis.requests.editing import cancel_request, draft_request, revise_request, submit_request
from synthesis.requests.script import estimate_seconds, normalise_script

__all__ = [
    "RequestCheck",
    "ScopeRefusedError",
    "cancel_request",
    "check_request",
    "draft_request",
    "estimate_seconds",
    "normalise_script",
    "revise_request",
    "submit_request",
]
