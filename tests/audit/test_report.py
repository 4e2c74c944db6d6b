"""The audit report: what is in it, how it is made as a job, and what it refuses."""

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pikepdf
import pytest
from django.db import IntegrityError
from django.template.loader import render_to_string
from weasyprint.urls import FatalURLFetchingError

from audit.actors import Actor
from audit.errors import AuditError, ConflictError, NotAllowedError
from audit.frameworks import Period, events_in, registry
from audit.log import events_about, integrate_pending, latest_checkpoint
from audit.models import Leaf, Person, Report
from audit.reports import (
    Attachment,
    Figure,
    Section,
    build_report,
    cancel_report,
    jobs,
    register_section,
    request_report,
    retry_report,
    run_report,
    sections,
)
from audit.reports.charts import activity_chart
from audit.reports.content import Content, gather
from audit.reports.pdf import font_faces, write_pdf
from audit.roles import Role
from tests.audit.histories import person, write_month
from tests.conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime.fromisoformat("2026-10-01T08:00:00+00:00")
END = datetime.fromisoformat("2026-11-01T00:00:00+00:00")
Status = Report.Status


@pytest.fixture(autouse=True)
def no_other_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the log speaks, whatever the apps above have registered."""
    monkeypatch.setattr(sections, "_sections", {})
    monkeypatch.setattr(registry, "_sources", {})


@pytest.fixture
def actor(auditor: Person) -> Actor:
    return Actor.from_person(auditor)


@pytest.fixture
def report(actor: Actor, now: datetime) -> Report:
    """A report that was asked for; its task waits in the queue, where no worker is."""
    return request_report(period_from=START, period_to=END, actor=actor, now=now)


def attached(pdf: bytes) -> dict[str, bytes]:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return {name: spec.get_file().read_bytes() for name, spec in document.attachments.items()}


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def content_of(now: datetime) -> Content:
    integrate_pending()
    checkpoint = latest_checkpoint()
    assert checkpoint
    return gather(
        checkpoint=checkpoint,
        period=Period(START, END, checkpoint.size),
        made_by="Anna Prüfer",
        made_at=now,
        progress=lambda percent, stage: None,
    )


def html_of(report: Report, now: datetime) -> str:
    context = {"report": report, "content": content_of(now), "fonts": font_faces()}
    return render_to_string("audit/report.html", context)


# -- what is in it -----------------------------------------------------------------------------------
def test_report_of_a_month_carries_its_evidence_inside_and_its_digest_goes_into_the_log(
    actor: Actor, now: datetime
) -> None:
    write_month(START)
    made = build_report(period_from=START, period_to=END, actor=actor, now=now)
    pdf = bytes(made.pdf)
    assert (made.status, made.progress, made.made_by) == (Status.READY, 100, actor.person)
    assert hashlib.sha256(pdf).hexdigest() == made.sha256
    assert pdf.startswith(b"%PDF-1.7")
    assert made.pages > 10

    files = attached(pdf)
    assert files["checkpoint.txt"].decode() == made.checkpoint
    period = Leaf.objects.filter(time__gte=START, time__lt=END, seq__lt=made.log_size)
    assert [int(row["seq"]) for row in rows_of(files["events.csv"])] == list(
        period.order_by("seq").values_list("seq", flat=True)
    )
    mapping = {each["framework"]: each["controls"] for each in json.loads(files["mapping.json"])}
    assert len(mapping["nist-ai-rmf"]) == 72

    integrate_pending()
    (event,) = [leaf.event for leaf in events_about(made)]
    assert (event["action"], event["payload"]["sha256"]) == ("report.made", made.sha256)
    assert event["actor"]["role"] == Role.AUDITOR


def test_figures_are_those_of_the_log(now: datetime) -> None:
    write_month(START, requests=12)
    content = content_of(now)
    assert {figure.label: figure.printed for figure in content.figures} == {
        "Requests submitted": "12",
        "Decisions recorded": "20",
        "Clips released": "18",
        "Refusals and failures": "7",
        "Consents signed": "3",
        "Watermark checks": "1",
    }
    tables = {section.name: section for section in content.activity_sections}
    states = {state.text: count.text for state, count in tables["log_requests_by_state"].rows}
    assert states == {"In review": "2", "Rejected": "2", "Approved": "8"}
    stages = {row[0].text: [cell.text for cell in row[1:5]] for row in tables["log_decisions_by_stage"].rows}
    assert stages == {"Policy": ["10", "10", "0", "0"], "Legal": ["10", "8", "0", "2"]}
    codes = {row[1].text: row[2].text for row in tables["log_refusals_by_code"].rows}
    assert codes == {"marking.not_detected": "6", "decision.own_request": "1"}
    assert {item.title: item.count for item in content.notable}["Consents withdrawn"] == 1


def test_stories_go_from_recording_to_use_and_are_drawn_by_lot(now: datetime) -> None:
    write_month(START)
    content = content_of(now)
    assert len(content.stories) == 3
    for story in content.stories:
        actions = [step.action for step in story.steps]
        assert actions[:4] == [
            "recording.accepted",
            "consent.signed",
            "request.drafted",
            "request.submitted",
        ]
        assert actions.count("decision.recorded") == 2
        assert "grant.minted" in actions
        assert [step.seq for step in story.steps] == sorted(step.seq for step in story.steps)
    assert [story.request_id for story in content_of(now).stories] == [s.request_id for s in content.stories]


def test_checkpoint_is_printed_and_people_are_named(report: Report, now: datetime) -> None:
    write_month(START)
    html = html_of(report, now)
    checkpoint = latest_checkpoint()
    assert checkpoint.root.hex() in html
    assert f"{checkpoint.size} events" in html
    assert "Ravi Menon, policy reviewer" in html


def test_empty_period_gives_a_whole_report_in_the_archive_variant(actor: Actor, now: datetime) -> None:
    start = START - timedelta(days=400)
    made = build_report(period_from=start, period_to=start, actor=actor, now=now)
    assert rows_of(attached(bytes(made.pdf))["events.csv"]) == []

    with pikepdf.open(io.BytesIO(bytes(made.pdf))) as document:
        assert len(document.pages) == made.pages > 5
        assert str(document.docinfo["/Title"]).startswith(f"Audit report {made.reference}")
        assert document.Root.Lang == "en-GB"
        assert document.Root.MarkInfo.Marked
        assert document.Root.OutputIntents
        metadata = document.open_metadata()
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "B")


def test_same_content_gives_the_same_bytes(now: datetime) -> None:
    family, file = font_faces()[0]
    html = (
        f'<style>@font-face {{ font-family: "{family}"; src: url("font:{file}") }}</style>'
        f'<p style="font-family: {family}">The same again</p>'
    )

    def write() -> bytes:
        files = [Attachment("a.txt", b"a", "The letter a")]
        return write_pdf(html, attachments=files, now=now, identifier="x").data

    first = write()
    time.sleep(1.1)
    assert write() == first


def test_registered_section_is_printed_in_part_and_attached_whole(report: Report, now: datetime) -> None:
    def provide(period: Period) -> Section:
        return Section(
            title="Übungen & <b>Proben</b>",
            columns=("Name", "Count", "When", "Took", "Digest", "Absent"),
            rows=[
                (f"<script>{n}</script>", n, period.start, timedelta(hours=n), "ab" * 32, None)
                for n in range(100)
            ],
            figures=(Figure("Rehearsals", 1234),),
            note="𝔘nicode: 日本語, עברית",
            attachments=(Attachment("notes.txt", b"three words", "Notes"),),
        )

    register_section("rehearsals", provide)
    content = content_of(now)
    (printed,) = content.ledgers
    assert (len(printed.rows), printed.total, printed.left_out) == (80, 100, 20)
    html = render_to_string("audit/report.html", {"report": report, "content": content, "fonts": []})
    assert "<script>" not in html
    assert "80 of 100 rows; all are in rehearsals.csv" in html
    assert "1,234" in html
    pdf = write_pdf(html, attachments=content.attachments, now=now, identifier="x").data
    files = attached(pdf)
    assert len(rows_of(files["rehearsals.csv"])) == 100
    assert rows_of(files["rehearsals.csv"])[2] == {
        "Name": "<script>2</script>",
        "Count": "2",
        "When": "2026-10-01T08:00:00.000000Z",
        "Took": "7200.0",
        "Digest": "ab" * 32,
        "Absent": "",
    }
    assert files["notes.txt"] == b"three words"


def test_csv_text_that_a_spreadsheet_would_run_is_defused() -> None:
    from audit.reports.tables import csv_bytes

    assert csv_bytes(["a"], [["=1+1"], ["-2"], [-2]]) == b"a\r\n'=1+1\r\n'-2\r\n-2\r\n"


def test_section_with_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(RuntimeError, match="1 cells for 2 columns"):
        Section(title="Wrong", columns=("a", "b"), rows=[("only",)])


@pytest.mark.parametrize("days", [0, 1, 31, 70, 71, 4000])
def test_activity_chart_counts_every_event_in_at_most_105_columns(record, days: int, now: datetime) -> None:
    record(4, now=now)
    integrate_pending()
    period = Period(now - timedelta(days=days), now + timedelta(seconds=1))
    chart = activity_chart(period)
    assert len(chart.columns) <= 105
    assert sum(column.count for column in chart.columns) == events_in(period).count() > 3


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/x.png", "file:///etc/hostname", "font:../../secret", "data:,x"]
)
def test_document_that_names_any_address_is_refused(address: str, now: datetime) -> None:
    with pytest.raises(FatalURLFetchingError):
        write_pdf(f'<img src="{address}">', attachments=(), now=now, identifier="x")


@pytest.mark.slow
def test_report_on_10_000_events_prints_a_few_hundred_and_attaches_all(
    record, actor: Actor, now: datetime
) -> None:
    record(10_000, now=START)
    made = build_report(period_from=START, period_to=END, actor=actor, now=now)
    assert made.pages < 50
    assert len(rows_of(attached(bytes(made.pdf))["events.csv"])) == 10_000


# -- as a job ----------------------------------------------------------------------------------------
def test_period_that_ends_before_it_starts_is_refused(actor: Actor, now: datetime) -> None:
    with pytest.raises(AuditError) as caught:
        request_report(period_from=END, period_to=START, actor=actor, now=now)
    assert caught.value.code == "report.period_reversed"


@pytest.mark.parametrize("operation", ["request", "build", "retry", "cancel"])
def test_anyone_but_an_auditor_is_refused(operation: str, report: Report, now: datetime) -> None:
    stranger = person("Paula Ortega", Role.REQUESTER, now)
    calls: dict[str, Callable[[], object]] = {
        "request": lambda: request_report(period_from=START, period_to=END, actor=stranger, now=now),
        "build": lambda: build_report(period_from=START, period_to=END, actor=stranger, now=now),
        "retry": lambda: retry_report(report=report, actor=stranger, now=now),
        "cancel": lambda: cancel_report(report=report, actor=stranger, now=now),
    }
    with pytest.raises(NotAllowedError, match=r"access\.role_missing"):
        calls[operation]()
    assert Report.objects.get().status == Status.QUEUED


def test_worker_builds_a_requested_report(actor: Actor, now: datetime, start_worker) -> None:
    start_worker("default")
    report = request_report(period_from=START, period_to=END, actor=actor, now=now)

    def ended() -> bool:
        report.refresh_from_db()
        return report.status in (Status.READY, Status.FAILED)

    wait_until(ended, seconds=120, message="The worker did not finish the report.")
    assert (report.status, report.failure) == (Status.READY, "")


def test_failing_section_fails_the_report_with_its_text_and_a_retry_queues_it_again(
    report: Report, actor: Actor, now: datetime
) -> None:
    def fails(period: Period) -> Section:
        raise AuditError("ledger.unreadable", "The ledger is unreadable.", "Mend it.")

    register_section("ledger", fails)
    run_report(report.pk, now=now)
    report.refresh_from_db()
    assert (report.status, report.failure_code) == (Status.FAILED, "ledger.unreadable")
    assert report.failure == "The ledger is unreadable. Mend it."
    with pytest.raises(ConflictError, match=r"report\.finished"):
        cancel_report(report=report, actor=actor, now=now)

    again = retry_report(report=report, actor=actor, now=now)
    assert (again.status, again.failure) == (Status.QUEUED, "")


def test_fault_in_a_section_is_told_and_build_report_raises_it(actor: Actor, now: datetime) -> None:
    register_section("ledger", lambda period: 1 / 0)
    with pytest.raises(AuditError, match=r"report\.fault: ZeroDivisionError"):
        build_report(period_from=START, period_to=END, actor=actor, now=now)
    assert not Leaf.objects.filter(action="report.made").exists()


def test_report_cancelled_while_it_is_built_ends_cancelled_and_leaves_no_event(
    report: Report, actor: Actor, now: datetime
) -> None:
    def cancels(period: Period) -> Section:
        cancel_report(report=report, actor=actor, now=now)
        return Section(title="Late", columns=("a",), rows=[])

    register_section("late", cancels)
    run_report(report.pk, now=now)
    report.refresh_from_db()
    assert (report.status, report.pdf) == (Status.CANCELLED, None)
    assert cancel_report(report=report, actor=actor, now=now).status == Status.CANCELLED
    run_report(report.pk, now=now)
    assert Report.objects.get().status == Status.CANCELLED
    integrate_pending()
    assert not events_about(report).exists()


def test_report_taken_over_by_another_worker_is_finished_once(report: Report, now: datetime) -> None:
    def redelivered(period: Period) -> Section:
        sections._sections.clear()
        run_report(report.pk, now=now + timedelta(minutes=1))
        return Section(title="Late", columns=("a",), rows=[])

    register_section("late", redelivered)
    run_report(report.pk, now=now)
    run_report(report.pk, now=now + timedelta(minutes=2))
    integrate_pending()
    report.refresh_from_db()
    assert (report.status, report.started_at) == (Status.READY, now + timedelta(minutes=1))
    assert events_about(report).count() == 1


def test_unfinished_report_can_be_retried_once_it_was_surely_left_behind(
    report: Report, actor: Actor, now: datetime
) -> None:
    Report.objects.update(status=Status.BUILDING, started_at=now)
    for status in (Status.BUILDING, Status.QUEUED):
        Report.objects.update(status=status)
        with pytest.raises(ConflictError, match=r"report\.not_stopped"):
            retry_report(report=report, actor=actor, now=now + jobs.LOST_AFTER)
    late = now + jobs.LOST_AFTER + timedelta(seconds=1)
    assert retry_report(report=report, actor=actor, now=late).status == Status.QUEUED


def test_ready_report_is_neither_retried_nor_cancelled_nor_built_again(
    report: Report, actor: Actor, now: datetime
) -> None:
    Report.objects.update(status=Status.READY, pdf=b"%PDF", sha256="ab", log_size=1)
    with pytest.raises(ConflictError, match=r"report\.not_stopped"):
        retry_report(report=report, actor=actor, now=now + timedelta(days=1))
    with pytest.raises(ConflictError, match=r"report\.finished"):
        cancel_report(report=report, actor=actor, now=now)
    run_report(report.pk, now=now + timedelta(days=1))
    report.refresh_from_db()
    assert (report.status, report.started_at, bytes(report.pdf)) == (Status.READY, None, b"%PDF")


def test_ready_report_without_pdf_is_refused_by_the_database(report: Report) -> None:
    with pytest.raises(IntegrityError, match="report_ready_has_pdf"):
        Report.objects.update(status=Status.READY)


def test_list_of_reports_does_not_read_their_pdfs(report: Report) -> None:
    assert Report.objects.get().get_deferred_fields() == {"pdf"}
