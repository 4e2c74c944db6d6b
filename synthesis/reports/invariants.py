"""What must hold between this app's rows and the log, for ``verify_log``."""

from collections.abc import Iterator

from django.db.models import Count, Q

from audit.log import register_invariant, subjects_with
from synthesis.models import Decision, Grant, Render, SpeechRequest


def register_all_invariants() -> None:
    register_invariant("synthesis.releases", unrecorded_releases)
    register_invariant("synthesis.decisions", unrecorded_decisions)
    register_invariant("synthesis.grants", unrecorded_grants)
    register_invariant("synthesis.approvals", grants_without_decisions)


def unrecorded_releases() -> Iterator[str]:
    """Every released clip has its event, and every event its clip."""
    released = set(Render.objects.filter(ready_at__isnull=False).values_list("pk", flat=True))
    recorded = subjects_with("render.ready")
    for pk in sorted(released - recorded):
        yield f"Clip {pk} was released without an event."
    for pk in sorted(recorded - released):
        yield f"The log tells of clip {pk}, which is not there."


def unrecorded_decisions() -> Iterator[str]:
    decided = set(Decision.objects.values_list("pk", flat=True))
    for pk in sorted(decided ^ subjects_with("decision.recorded")):
        yield f"Decision {pk} is not both in the database and in the log."


def unrecorded_grants() -> Iterator[str]:
    minted = set(Grant.objects.values_list("pk", flat=True))
    for pk in sorted(minted ^ subjects_with("grant.minted")):
        yield f"Grant {pk} is not both in the database and in the log."


def grants_without_decisions() -> Iterator[str]:
    """No request has a grant to speak without standing approvals by two people."""
    approvals = Count(
        "decisions__person",
        filter=Q(decisions__verdict=Decision.Verdict.APPROVE, decisions__dismissed_at=None),
        distinct=True,
    )
    granted = SpeechRequest.objects.filter(grants__kind=Grant.Kind.RENDER).annotate(approvals=approvals)
    for number in granted.filter(approvals__lt=2).values_list("number", flat=True):
        yield f"{number} has a grant without the approval of two people."
