"""Catalogues of controls, and what the log says to them."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from audit.errors import NotFoundError
from audit.frameworks import (
    Evidence,
    Period,
    State,
    control_state,
    coverage,
    coverage_by_function,
    coverage_by_tag,
    coverage_summary,
    evidence_events,
    get_catalogue,
    register_evidence,
    registry,
)
from audit.frameworks.catalogue import BUILT_IN, CatalogueError, Relevance, load_catalogues
from audit.log import integrate_pending, latest_checkpoint

TAGS = {"risk_management", "transparency", "privacy", "accountability", "security"}
HIGH = [
    "GOVERN 6.1",
    "MAP 1.1",
    "MAP 3.3",
    "MAP 3.5",
    "MAP 4.1",
    "MEASURE 2.7",
    "MEASURE 2.8",
    "MEASURE 2.10",
    "MEASURE 3.3",
    "MANAGE 1.1",
    "MANAGE 2.4",
    "MANAGE 3.2",
    "MANAGE 4.1",
    "MANAGE 4.3",
]
OWN = """
id: own
title: Own rules
tags: {fairness: Nobody is left out.}
sources: {consents: {title: Consents, actions: [consent.signed]}}
controls:
  A.1: {summary: Ask first., tags: [fairness], sources: [consents]}
"""


@pytest.fixture
def period(now: datetime) -> Period:
    return Period(now - timedelta(days=1), now + timedelta(days=1))


@pytest.fixture(autouse=True)
def no_other_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the log speaks, whatever the apps above have registered."""
    monkeypatch.setattr(registry, "_sources", {})


def state_of(control_id: str, period: Period) -> State:
    return control_state(control_id, period).state


def test_nist_ai_rmf_has_its_72_subcategories_in_order_and_with_known_tags() -> None:
    controls = get_catalogue().controls
    with (BUILT_IN / "nist_ai_rmf.csv").open(encoding="utf-8") as file:
        assert list(controls) == [row["subcategory"] for row in csv.DictReader(file)]
    assert len(controls) == 72
    assert get_catalogue().functions == ["GOVERN", "MAP", "MEASURE", "MANAGE"]
    assert {tag for control in controls.values() for tag in control.tags} == TAGS
    assert [control.id for control in controls.values() if control.relevance is Relevance.HIGH] == HIGH


def test_every_control_has_sources_or_says_where_its_evidence_is_kept() -> None:
    for framework in ("nist-ai-rmf", "nist-ai-600-1"):
        for control in get_catalogue(framework).controls.values():
            assert bool(control.sources) != bool(control.elsewhere), control.id


def test_actions_of_the_generative_ai_profile_belong_to_functions_and_subcategories() -> None:
    controls = get_catalogue("nist-ai-600-1").controls
    assert len(controls) == 52
    assert controls["MS-2.8-003"].function == "MEASURE"
    for control in controls.values():
        assert control.category in get_catalogue().controls


def test_catalogue_of_the_organisation_is_loaded_beside_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    found = load_catalogues([BUILT_IN, tmp_path])
    assert list(found) == ["nist-ai-rmf", "own", "nist-ai-600-1"]
    assert found["own"].controls["A.1"].sources[0].actions == ("consent.signed",)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("id: [", "not YAML"),
        ("- a list", "not a mapping"),
        ("id: own\ntitle: Own", "lacks controls"),
        (OWN.replace("tags: [fairness]", "tags: [luck]"), "unknown tag luck"),
        (OWN.replace("tags: [fairness], ", ""), "has no tag"),
        (OWN.replace("sources: [consents]", "sources: [hearsay]"), "unknown source hearsay"),
        (OWN.replace("[consent.signed]", "[]"), "needs event actions"),
        (OWN.replace("[consent.signed]", "[Signed!]"), "needs event actions"),
        (OWN.replace("summary: Ask first., ", ""), "has no summary"),
        (OWN.replace("tags: [fairness], s", "tags: [fairness], relevance: huge, s"), "relevance huge"),
        (OWN + "  A.1: {summary: Twice., tags: [fairness]}\n", "A.1 appears twice"),
        (OWN + "expected_controls: 2\n", "1 controls, not 2"),
        (OWN + "extends: nobody\n", "unknown catalogue nobody"),
        (OWN.replace("id: own", "id: nist-ai-rmf"), "is taken"),
        (OWN + "table: own.csv\n", "disagree on A.1, B.1"),
    ],
)
def test_broken_catalogue_is_refused_and_says_why(broken: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(broken)
    (tmp_path / "own.csv").write_text("function,category,subcategory,summary\nA,A 1,B.1,Other\n")
    with pytest.raises(CatalogueError, match=told) as caught:
        load_catalogues([BUILT_IN, tmp_path])
    assert caught.value.code == "framework.catalogue_invalid"


def test_table_with_an_id_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN + "table: own.csv\n")
    (tmp_path / "own.csv").write_text("function,category,subcategory,summary\nA,A,A.1,x\nA,A,A.1,y\n")
    with pytest.raises(CatalogueError, match=r"A\.1 appears twice"):
        load_catalogues([tmp_path])


def test_unknown_framework_is_not_found() -> None:
    with pytest.raises(NotFoundError, match=r"framework\.unknown"):
        get_catalogue("astrology")


@pytest.mark.django_db
def test_unknown_control_is_not_found(period: Period) -> None:
    with pytest.raises(NotFoundError, match=r"framework\.control_unknown"):
        control_state("MANAGE 4.4", period)


@pytest.mark.django_db(transaction=True)
def test_empty_log_gives_absent_where_a_source_is_mapped_and_not_assessed_elsewhere(period: Period) -> None:
    states = coverage(period)
    assert len(states) == 72
    assert {state.state for state in states} == {State.ABSENT, State.NOT_ASSESSED}
    assert all(bool(state.findings) == (state.state is State.ABSENT) for state in states)


@pytest.mark.django_db(transaction=True)
def test_events_raise_a_control_to_partial_and_then_to_present(record, period: Period) -> None:
    # MAP 1.1 asks for submitted requests and for signed consents.
    record(action="request.submitted")
    integrate_pending()
    assert state_of("MAP 1.1", period) is State.PARTIAL
    record(action="consent.signed")
    integrate_pending()
    assert state_of("MAP 1.1", period) is State.PRESENT
    assert control_state("MAP 1.1", period).count == 2


@pytest.mark.django_db(transaction=True)
def test_occasional_events_lower_no_state_when_they_did_not_happen(record, period: Period) -> None:
    # MANAGE 1.1 asks for decisions and approvals always, and for rejections only if there were any.
    record(action="decision.recorded")
    record(action="request.approved")
    integrate_pending()
    assert state_of("MANAGE 1.1", period) is State.PRESENT
    assert state_of("MANAGE 4.3", period) is State.ABSENT
    record(action="freeze.made")
    integrate_pending()
    assert state_of("MANAGE 4.3", period) is State.PRESENT


@pytest.mark.django_db(transaction=True)
def test_registered_source_counts_beside_the_log(period: Period) -> None:
    register_evidence(
        "listening_tests",
        controls=["MEASURE 4.1", "NOT.OURS"],
        describe="Listening tests held",
        provider=lambda asked: Evidence(3, "3 tests", ("test.held",)),
    )
    state = control_state("MEASURE 4.1", period)
    assert state.state is State.PRESENT
    assert [(found.title, found.evidence.count) for found in state.findings] == [("Listening tests held", 3)]


@pytest.mark.django_db(transaction=True)
def test_events_outside_the_period_or_beyond_the_pinned_log_do_not_count(record, period: Period) -> None:
    record(action="consent.signed", now=period.end)
    record(action="consent.signed", now=period.start - timedelta(microseconds=1))
    integrate_pending()
    size = latest_checkpoint().size
    record(action="consent.signed")
    integrate_pending()
    assert control_state("GOVERN 6.1", period).count == 1
    assert control_state("GOVERN 6.1", Period(period.start, period.end, log_size=size)).count == 0


@pytest.mark.django_db(transaction=True)
def test_events_behind_a_control_can_be_listed_newest_first(record, period: Period) -> None:
    ids = record(3, action="consent.signed")
    record(action="person.signed_in")
    integrate_pending()
    state = control_state("GOVERN 6.1", period)
    assert [leaf.event_id for leaf in evidence_events(state, period)] == ids[::-1]


@pytest.mark.django_db(transaction=True)
def test_counts_by_function_and_tag_add_up(record, period: Period) -> None:
    record(action="consent.signed")
    integrate_pending()
    states = coverage(period)
    assert [count.total for count in coverage_by_function(states)] == [19, 18, 22, 13]
    assert sum(count.total for count in coverage_by_tag(states)) == sum(len(s.control.tags) for s in states)
    assert {count.name for count in coverage_by_tag(states)} == TAGS
    assert coverage_summary(period).total == 72


def test_period_refuses_times_without_zone_and_an_end_before_the_start(now: datetime) -> None:
    with pytest.raises(RuntimeError, match="time zone"):
        Period(now.replace(tzinfo=None), now)
    with pytest.raises(RuntimeError, match="cannot end"):
        Period(now, now - timedelta(seconds=1))
