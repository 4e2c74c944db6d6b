"""Single requests told from recording to release, as the log links them.

Events belong together by what they name: a request's own id, the digests of the request and of the
consent that it was submitted under, the ids of decisions, grants and clips that name one of those, and
the SHA-256 of the recordings that the consent was signed for. Nothing but the log is asked.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from audit.frameworks.coverage import events_in
from audit.frameworks.periods import Period
from audit.log.models import Leaf
from audit.reports.ledger import REQUEST, detail, digest_of, names_of, who

PRINTED_STEPS = 20  # what fits a page
# What comes before a request (recordings, consents) and what follows from it.
CHAIN = (
    "recording.accepted",
    "consent.signed",
    "consent.withdrawn",
    "request.drafted",
    "request.submitted",
    "request.revised",
    "request.changes_requested",
    "request.approved",
    "request.rejected",
    "request.cancelled",
    "request.withdrawn",
    "decision.recorded",
    "decision.refused",
    "grant.minted",
    "grant.refused",
    "grant.revoked",
    "render.started",
    "render.ready",
    "render.refused",
    "render.failed",
    "render.withdrawn",
    "clip.played",
    "clip.downloaded",
)


@dataclass(frozen=True)
class Step:
    seq: int
    time: datetime
    action: str
    who: str
    detail: str
    digest: str


@dataclass(frozen=True)
class Story:
    """One request as the log tells it. `total` counts its events, of which the steps may be the first."""

    request_id: str
    steps: tuple[Step, ...]
    total: int


def tell_stories(period: Period, *, sample: int, seed: str) -> list[Story]:
    """A sample of the requests approved in the period, drawn by SHA-256(seed ‖ id), lowest first.

    With the log's root as seed nobody can choose the sample, and everybody can draw it again.
    """
    approved = events_in(period).filter(action="request.approved", subject_type=REQUEST)
    ids = {str(pk) for pk in approved.values_list("subject_id", flat=True)}
    lots = sorted((hashlib.sha256((seed + pk).encode()).hexdigest(), pk) for pk in ids)
    drawn = [pk for _, pk in lots[:sample]]
    chains = _link(drawn, period)
    leaves = Leaf.objects.in_bulk({seq for chain in chains.values() for seq in chain[:PRINTED_STEPS]})
    names = names_of(leaf.actor_id for leaf in leaves.values())
    return [
        Story(pk, tuple(_step(leaves[seq], names) for seq in chains[pk][:PRINTED_STEPS]), len(chains[pk]))
        for pk in drawn
    ]


@dataclass
class _Links:
    """What one pass over the log remembers: places only, so that a long log stays small in memory."""

    owner: dict[str, str] = field(default_factory=dict)  # id or digest -> the request it belongs to
    chains: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    recordings: dict[str, int] = field(default_factory=dict)  # SHA-256 -> place
    consents: dict[str, set[int]] = field(default_factory=dict)  # consent digest -> places
    consent_of: dict[str, str] = field(default_factory=dict)  # request -> consent digest


def _link(request_ids: Iterable[str], period: Period) -> dict[str, list[int]]:
    """The places of the events of each request, in the order of the log."""
    links = _Links(owner={request_id: request_id for request_id in request_ids})
    if not links.owner:
        return {}
    upto = Period(datetime.min.replace(tzinfo=UTC), period.end, period.log_size)
    for leaf in events_in(upto).filter(action__in=CHAIN).iterator(chunk_size=2000):
        _follow(leaf.seq, leaf.event, links)
    return {request_id: sorted(links.chains[request_id]) for request_id in request_ids}


def _follow(seq: int, event: dict[str, Any], links: _Links) -> None:
    action, payload = event["action"], event["payload"]
    if action == "recording.accepted":
        links.recordings[str(payload.get("sha256"))] = seq
        return
    if action == "consent.signed":
        places = {links.recordings[sha] for sha in payload.get("recordings", ()) if sha in links.recordings}
        links.consents[str(payload.get("digest"))] = {seq, *places}
        return
    if action == "consent.withdrawn":
        for request_id, digest in links.consent_of.items():
            if digest == payload.get("digest"):
                links.chains[request_id].add(seq)
        return
    named = [event["subject"]["id"], *(value for value in payload.values() if isinstance(value, str))]
    request_id = next((links.owner[value] for value in named if value in links.owner), None)
    if request_id is None:
        return
    links.chains[request_id].add(seq)
    links.owner[event["subject"]["id"]] = request_id
    if action == "request.submitted":
        links.owner[str(payload.get("digest"))] = request_id
        links.consent_of[request_id] = consent = str(payload.get("consent"))
        links.chains[request_id] |= links.consents.get(consent, set())


def _step(leaf: Leaf, names: dict[str, str]) -> Step:
    event = leaf.event
    return Step(leaf.seq, leaf.time, leaf.action, who(event, names), detail(event), digest_of(event))
