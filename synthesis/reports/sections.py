"""Tables and signed records for audit reports and evidence packages."""

from collections.abc import Iterator

from audit.frameworks import Period
from audit.reports import Figure, Record, Section, register_records, register_section
from synthesis.models import Decision, Grant, Render, SpeechRequest


def register_all_sections() -> None:
    register_section("requests", requests_section)
    register_section("decisions", decisions_section)
    register_section("clips", clips_section)
    register_records("decision", decision_records)
    register_records("grant", grant_records)


def requests_section(period: Period) -> Section:
    requests = (
        SpeechRequest.objects.filter(submitted_at__gte=period.start, submitted_at__lt=period.end)
        .select_related("voice", "requester")
        .order_by("number")
    )
    rows = [
        (
            request.number,
            request.title,
            request.voice.label,
            request.requester.full_name,
            request.purpose,
            request.channel,
            request.territory,
            request.get_status_display(),
            request.submitted_at,
            request.digest,
        )
        for request in requests
    ]
    return Section(
        title="Requests",
        columns=(
            *("Request", "Title", "Voice", "Requester", "Purpose", "Channel", "Territory", "State"),
            *("Submitted", "Digest"),
        ),
        rows=rows,
        figures=(Figure("Submitted", len(rows)),),
        note="Every request submitted in the period, with the digest that its decisions and its grant name.",
    )


def decisions_section(period: Period) -> Section:
    decisions = (
        Decision.objects.filter(created_at__gte=period.start, created_at__lt=period.end)
        .select_related("request", "person")
        .order_by("created_at")
    )
    rows = [
        (
            decision.request.number,
            decision.get_stage_display(),
            decision.get_verdict_display(),
            decision.person.full_name if decision.person else "the voice's owner, by link",
            decision.reason,
            decision.created_at,
            decision.digest,
        )
        for decision in decisions
    ]
    approved = sum(decision.verdict == Decision.Verdict.APPROVE for decision in decisions)
    return Section(
        title="Decisions",
        columns=("Request", "Stage", "Verdict", "Person", "Reason", "Time", "Digest"),
        rows=rows,
        figures=(Figure("Decisions", len(rows)), Figure("Approvals", approved)),
        note="Each is a signed record of its own; the evidence package holds them as they were signed.",
    )


def clips_section(period: Period) -> Section:
    renders = (
        Render.objects.filter(ready_at__gte=period.start, ready_at__lt=period.end)
        .select_related("request", "line")
        .order_by("ready_at")
    )
    rows = [
        (
            render.request.number,
            render.line.position,
            render.get_status_display(),
            render.seconds,
            render.measurements.get("similarity_campp"),
            render.measurements.get("similarity_ge2e"),
            render.measurements.get("word_error_rate"),
            f"{render.watermark_id:08x}",
            render.ready_at,
            render.sha256,
        )
        for render in renders
    ]
    return Section(
        title="Clips",
        columns=(
            *("Request", "Line", "State", "Seconds", "CAM++", "GE2E", "Word errors", "Watermark"),
            *("Released", "SHA-256"),
        ),
        rows=rows,
        figures=(
            Figure("Clips released", len(rows)),
            Figure("Seconds of speech", round(sum(render.seconds or 0.0 for render in renders), 1)),
        ),
        note="Speaker similarity to the owner's recordings (cosine, two encoders) and the word error rate, "
        "measured before release.",
    )


def decision_records(period: Period) -> Iterator[Record]:
    return _records(Decision.objects.filter(created_at__lt=period.end))


def grant_records(period: Period) -> Iterator[Record]:
    return _records(Grant.objects.filter(not_before__lt=period.end))


def _records(rows) -> Iterator[Record]:  # type: ignore[no-untyped-def]
    for row in rows.iterator():
        yield Record(
            id=str(row.pk), payload=bytes(row.record), signature=bytes(row.signature), key_id=row.key_id
        )
