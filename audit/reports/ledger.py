"""What the event log alone tells of a period: figures and sections.

Nothing here asks another table than the log (people's names apart), so that a reader who holds the log
can work out every figure again. Payload fields used, where an event carries them: `stage` and `verdict`
of a decision, `code` of a refusal, `seconds` of a clip, `request` on what belongs to a request.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.contrib.auth import get_user_model

from audit.frameworks.coverage import count_actions, events_in
from audit.frameworks.periods import Period
from audit.log.models import Leaf
from audit.reports.sections import Cell, Figure, Section

REQUEST = "synthesis.speechrequest"
REQUEST_STATES = {
    "request.drafted": "Draft",
    "request.submitted": "In review",
    "request.revised": "Draft",
    "request.changes_requested": "Changes requested",
    "request.rejected": "Rejected",
    "request.approved": "Approved",
    "request.cancelled": "Cancelled",
    "request.withdrawn": "Withdrawn",
}
# A refusal is the portal doing its duty; it is still what an auditor looks at first.
REFUSALS = (
    "recording.refused",
    "decision.refused",
    "grant.refused",
    "render.refused",
    "render.failed",
    "voice.enrolment_failed",
)
STOPS = (
    "consent.withdrawn",
    "consent.expired",
    "request.withdrawn",
    "render.withdrawn",
    "grant.revoked",
    "freeze.made",
    "freeze.lifted",
    "vault.voice_destroyed",
)


def figures(period: Period) -> list[Figure]:
    """The figures of the summary."""
    counts = count_actions(period)
    waits = [wait for _, _, wait in decisions(period) if wait is not None]
    refused = sum(counts[action] for action in REFUSALS)
    return [
        Figure("Requests submitted", counts["request.submitted"], f"{counts['request.approved']} approved"),
        Figure(
            "Decisions recorded",
            counts["decision.recorded"],
            f"median wait {spell_duration(median(waits))}" if waits else "no wait measured",
        ),
        Figure("Clips released", counts["render.ready"], "each marked and detected again"),
        Figure("Refusals and failures", refused, "each with its code"),
        Figure("Consents signed", counts["consent.signed"], f"{counts['consent.withdrawn']} withdrawn"),
        Figure("Watermark checks", counts["detection.run"], "recordings examined"),
    ]


def log_sections(period: Period) -> dict[str, Section]:
    """The sections that every report has, by names that no other app uses."""
    return {
        "log_requests_by_state": _requests_by_state(period),
        "log_decisions_by_stage": _decisions_by_stage(period),
        "log_clips": _clips(period),
        "log_refusals_by_code": _refusals_by_code(period),
        "log_withdrawals_and_freezes": _stops(period),
    }


def decisions(period: Period) -> list[tuple[str, str, timedelta | None]]:
    """Stage, verdict and waiting time of every decision of the period.

    The wait runs from the submission, or from the decision of the stage before.
    """
    history = events_in(Period(datetime.min.replace(tzinfo=period.end.tzinfo), period.end, period.log_size))
    waiting_since: dict[str, datetime] = {}
    found = []
    for leaf in history.filter(action__in=("request.submitted", "decision.recorded")).iterator():
        event = leaf.event
        request_id = request_of(event)
        if leaf.action == "decision.recorded" and leaf.time >= period.start:
            since = waiting_since.get(request_id)
            payload = event["payload"]
            wait = leaf.time - since if since else None
            found.append((payload.get("stage", "unnamed"), payload.get("verdict", "unnamed"), wait))
        waiting_since[request_id] = leaf.time
    return found


def request_of(event: dict[str, Any]) -> str:
    """The id of the request that an event belongs to, or an empty string."""
    if event["subject"]["type"] == REQUEST:
        return event["subject"]["id"]
    return str(event["payload"].get("request", ""))


def names_of(actor_ids: Iterable[str]) -> dict[str, str]:
    """Full names of people by id, for print; what is not a person's id is left out."""
    ids = {actor_id for actor_id in actor_ids if len(actor_id) == 36}
    people = get_user_model().objects.filter(pk__in=ids)
    return {str(pk): name for pk, name in people.values_list("pk", "full_name")}


def spell_role(role: str | None) -> str:
    return (role or "").replace("_", " ")


def spell_duration(wait: timedelta) -> str:
    """The two largest units: 3 d 4 h, 2 h 05 min, 12 min, 8 s."""
    seconds = int(wait.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60:02} min" if hours else f"{minutes} min"


def _requests_by_state(period: Period) -> Section:
    touched = events_in(period).filter(subject_type=REQUEST, action__in=REQUEST_STATES)
    last = touched.order_by("subject_id", "-seq").distinct("subject_id")
    counts = Counter(REQUEST_STATES[action] for action in last.values_list("action", flat=True))
    rows = [(state, counts[state]) for state in dict.fromkeys(REQUEST_STATES.values()) if counts[state]]
    return Section(
        title="Requests by state",
        columns=("State at the end of the period", "Requests"),
        rows=rows,
        note="Every request that changed in the period, counted once under its last state.",
    )


def _decisions_by_stage(period: Period) -> Section:
    found = decisions(period)
    rows: list[tuple[Cell, ...]] = []
    for stage in sorted({stage for stage, _, _ in found}, reverse=True):
        mine = [(verdict, wait) for name, verdict, wait in found if name == stage]
        verdicts = Counter(verdict for verdict, _ in mine)
        waits = [wait for _, wait in mine if wait is not None]
        other = len(mine) - sum(verdicts[name] for name in ("approve", "reject", "request_changes"))
        rows.append(
            (
                stage.replace("_", " ").capitalize(),
                len(mine),
                verdicts["approve"] + other,
                verdicts["request_changes"],
                verdicts["reject"],
                median(waits) if waits else None,
                max(waits, default=None),
            )
        )
    return Section(
        title="Decisions by stage",
        columns=("Stage", "Decisions", "Approved", "Sent back", "Rejected", "Median wait", "Longest wait"),
        rows=rows,
        note="The wait runs from the submission, or from the decision of the stage before, to the decision.",
    )


def _clips(period: Period) -> Section:
    counts = count_actions(period)
    seconds = sum(
        float(leaf.event["payload"].get("seconds") or 0)
        for leaf in events_in(period).filter(action="render.ready").iterator()
    )
    rows = [
        ("Grants minted for approved scripts", counts["grant.minted"]),
        ("Grants refused by a worker", counts["grant.refused"]),
        ("Clips released after marking and detecting the mark again", counts["render.ready"]),
        ("Seconds of speech released", round(seconds, 1)),
        ("Clips refused", counts["render.refused"]),
        ("Clips failed", counts["render.failed"]),
        ("Clips withdrawn after release", counts["render.withdrawn"]),
        ("Times a clip was played", counts["clip.played"]),
        ("Times a clip was downloaded", counts["clip.downloaded"]),
        ("Recordings examined for our watermark", counts["detection.run"]),
    ]
    return Section(
        title="Clips and marks",
        columns=("What", "Count"),
        rows=rows if any(count for _, count in rows) else [],
        note="A clip whose watermark is not found again is not released: marking fails closed.",
    )


def _refusals_by_code(period: Period) -> Section:
    codes: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], datetime] = {}
    for leaf in events_in(period).filter(action__in=REFUSALS).iterator():
        key = (leaf.action, str(leaf.event["payload"].get("code", "no code given")))
        codes[key] += 1
        last[key] = leaf.time
    return Section(
        title="Refusals and failures by code",
        columns=("Event", "Code", "Count", "Last"),
        rows=[(action, code, count, last[action, code]) for (action, code), count in codes.most_common()],
        note="Every refusal has a stable code, the same on the page, in the API and in the log.",
    )


def _stops(period: Period) -> Section:
    leaves = list(events_in(period).filter(action__in=STOPS))
    names = names_of(leaf.actor_id for leaf in leaves)
    rows = [
        (leaf.seq, leaf.time, leaf.action, who(leaf.event, names), _subject(leaf), detail(leaf.event))
        for leaf in leaves
    ]
    return Section(
        title="Withdrawals and freezes",
        columns=("No.", "Time (UTC)", "Event", "By", "Concerns", "Detail"),
        rows=rows,
        note="What ended the use of a voice, and what was stopped or destroyed because of it.",
    )


def who(event: dict[str, Any], names: dict[str, str]) -> str:
    actor = event["actor"]
    name = names.get(actor["id"], "")
    role = spell_role(actor["role"])
    if actor["kind"] == "link":
        return "voice owner, by link"
    if actor["kind"] != "person":
        return f"{actor['kind']} {actor['id']}"
    return ", ".join(part for part in (name or "person", role) if part)


def event_rows(leaves: Iterable[Leaf]) -> Iterator[tuple[Cell, ...]]:
    """Rows for print: number, time, event, by, concerns, detail."""
    leaves = list(leaves)
    names = names_of(leaf.actor_id for leaf in leaves)
    for leaf in leaves:
        event = leaf.event
        yield leaf.seq, leaf.time, leaf.action, who(event, names), _subject(leaf), detail(event)


def _subject(leaf: Leaf) -> str:
    return f"{leaf.subject_type.rpartition('.')[2]} {str(leaf.subject_id)[:8]}"


def detail(event: dict[str, Any]) -> str:
    """The payload's short values in one line; digests and ids have places of their own."""
    parts = [
        f"{key} {value}"
        for key, value in event["payload"].items()
        if isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(value)) <= 32
    ]
    return ", ".join(parts[:4])


def digest_of(event: dict[str, Any]) -> str:
    for key in ("digest", "request_digest", "record_digest", "sha256", "consent_digest"):
        if value := event["payload"].get(key):
            return str(value)
    return ""
