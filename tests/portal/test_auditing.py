"""The auditor's pages: overview, log, proofs, verification, reports; and the check of a clip."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audit.log import integrate_pending
from audit.models import Leaf, Report
from audit.roles import Role
from tests.portal.house import House


@pytest.fixture
def client(house: House, as_role: Callable[[Role], Client]) -> Client:
    auditor = as_role(Role.AUDITOR)
    house.consent()
    house.in_review()
    integrate_pending()
    return auditor


def test_overview_shows_figures_coverage_and_the_checkpoint(client: Client) -> None:
    page = client.get(reverse("audit")).content.decode()

    for words in ("Requests submitted", "Risk management", "Newest checkpoint", "Decision recorded"):
        assert words in page


def test_overview_of_an_empty_portal_stands(as_role: Callable[[Role], Client]) -> None:
    assert b"No checkpoint yet" in as_role(Role.AUDITOR).get(reverse("audit")).content


def test_every_subcategory_has_its_evidence_and_tags_narrow_them(client: Client) -> None:
    everything = client.get(reverse("controls")).context["states"]
    tagged = client.get(reverse("controls"), {"tag": "transparency"}).context["states"]

    assert len(everything) == 72
    assert 0 < len(tagged) < 72


def test_log_is_filtered_by_action_subject_actor_and_day(house: House, client: Client) -> None:
    signed = Leaf.objects.get(action="consent.signed")

    def actions(**query: object) -> set[str]:
        return {leaf.action for leaf, *_ in client.get(reverse("log"), query).context["events"]}

    assert actions(action="consent.signed") == {"consent.signed"}
    assert actions(action="consent") > {"consent.signed"}
    assert "consent.signed" in actions(subject=signed.subject_id)
    assert actions(actor=house.policy.id) == {"decision.recorded"}
    assert actions(day_to="2020-01-01") == set()


@pytest.mark.parametrize("query", [{"subject": "no uuid"}, {"day_from": "never"}, {"page": "-7"}])
def test_log_survives_bad_filters(client: Client, query: dict[str, str]) -> None:
    assert client.get(reverse("log"), query).status_code == 200


def test_event_carries_a_proof_that_can_be_taken_away(client: Client) -> None:
    seq = Leaf.objects.get(action="decision.recorded").pk

    page = client.get(reverse("event", args=[seq])).content.decode()
    proof = client.get(reverse("event-proof", args=[seq]))

    assert f"index {seq}" in page
    assert proof.content.startswith(b"c2sp.org/tlog-proof@v1")


def test_event_that_does_not_exist_is_not_found(client: Client) -> None:
    assert client.get(reverse("event", args=[10_000])).status_code == 404


def test_verification_reads_the_whole_log(house: House, as_role: Callable[[Role], Client]) -> None:
    auditor = as_role(Role.AUDITOR)
    integrate_pending()

    response = auditor.post(reverse("log-verify"))

    assert b"The log is sound" in response.content
    assert response.context["replay"].size == Leaf.objects.count() > 0


def test_verification_shows_what_no_event_tells_of(house: House, client: Client) -> None:
    house.ready_clip()  # released past the worker, and so without the event that every release has

    page = client.post(reverse("log-verify")).content.decode()

    assert "The log is broken" in page
    assert "log.invariant_broken" in page


def test_report_is_asked_for_and_followed(client: Client) -> None:
    response = client.post(reverse("reports"), {"day_from": "2026-01-01", "day_to": "2026-01-31"})

    report = Report.objects.get()
    assert response.headers["Location"] == reverse("report", args=[report.pk])
    assert (report.period_to - report.period_from).days == 31
    for page in (reverse("reports"), response.headers["Location"]):
        assert "1 January 2026 to 31 January 2026" in client.get(page).content.decode()
    assert client.get(reverse("report-progress", args=[report.pk])).status_code == 200
    client.post(reverse("report-cancel", args=[report.pk]))
    assert client.get(reverse("report-progress", args=[report.pk])).status_code == 286


def test_failed_report_says_why_and_can_be_tried_again(house: House, client: Client) -> None:
    report = house.report()
    Report.objects.update(status="failed", failure="The fonts are missing.", failure_code="report.fonts")

    page = client.get(reverse("report", args=[report.pk])).content.decode()
    client.post(reverse("report-retry", args=[report.pk]))

    assert "The fonts are missing." in page
    assert "report.fonts" in page
    report.refresh_from_db()
    assert report.status == "queued"


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [("", "2026-01-31", "day_from"), ("2026-02-01", "2026-01-31", "day_to"), ("x", "y", "day_from")],
)
def test_period_that_makes_no_sense_is_refused(client: Client, first: str, last: str, field: str) -> None:
    response = client.post(reverse("reports"), {"day_from": first, "day_to": last})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Report.objects.exists()


def test_evidence_of_an_unfinished_report_is_refused(house: House, client: Client) -> None:
    response = client.post(reverse("report-evidence", args=[house.report().pk]))

    assert response.status_code == 409
    assert b"report.not_ready" in response.content


def test_report_of_another_id_is_not_found(client: Client) -> None:
    assert client.get(reverse("report", args=[uuid4()])).status_code == 404


@pytest.mark.parametrize("clip", [None, b""], ids=["none", "empty"])
def test_check_without_a_clip_says_so(client: Client, clip: bytes | None) -> None:
    files = {"clip": SimpleUploadedFile("clip.wav", clip)} if clip is not None else {}

    response = client.post(reverse("verify"), files)

    assert response.status_code == 422
    assert "clip" in response.context["form"].errors
