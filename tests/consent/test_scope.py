"""A scope is valid or refused with its field; each dimension allows and refuses on its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent.errors import ScopeError
from consent.scope import Scope, check_scope, describe_scope
from tests.consent.conftest import make_scope

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
REQUEST: dict[str, Any] = {
    "purpose": "customer_service",
    "channel": "phone",
    "territory": "DE",
    "language": "en-GB",
    "seconds": 30,
    "seconds_used": 0,
    "text": "The earth tones of autumn flatter the garden.",
    "now": NOW,
}


def codes(scope: Scope, **changes: Any) -> set[str]:
    return {each.code for each in check_scope(scope, **(REQUEST | changes)) if not each.ok}


def test_request_inside_the_scope_has_no_finding() -> None:
    findings = check_scope(make_scope(NOW), **REQUEST)
    assert all(each.ok for each in findings)
    assert {each.code for each in findings} == {"consent.scope.ok"}
    assert all(each.clause for each in findings)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"purpose": "advertising"}, "purpose_not_allowed"),
        ({"purpose": "nonsense"}, "purpose_not_allowed"),
        ({"channel": "broadcast"}, "channel_not_allowed"),
        ({"territory": "US"}, "territory_not_allowed"),
        ({"territory": "worldwide"}, "territory_not_allowed"),
        ({"territory": "XX"}, "territory_not_allowed"),
        ({"language": "de"}, "language_not_allowed"),
        ({"language": "en-XX"}, "language_not_allowed"),
        ({"seconds": 61}, "request_too_long"),
        ({"seconds": 30, "seconds_used": 571}, "total_used_up"),
        ({"text": "Win the JACKPOT today."}, "topic_forbidden"),
        ({"text": "They say it is a Flat  Earth."}, "topic_forbidden"),
        ({"text": "Win at the ｃａｓｉｎｏ."}, "topic_forbidden"),
        ({"now": NOW - timedelta(days=2)}, "outside_dates"),
        ({"now": NOW + timedelta(days=90)}, "outside_dates"),
    ],
)
def test_each_dimension_refuses_alone(change: dict[str, Any], code: str) -> None:
    assert codes(make_scope(NOW), **change) == {f"consent.scope.{code}"}


@pytest.mark.parametrize("territory", ["EU", "DE", "PT", "CH"])
def test_group_covers_its_countries(territory: str) -> None:
    assert not codes(make_scope(NOW), territory=territory)


@pytest.mark.parametrize("territory", ["worldwide", "EU", "US"])
def test_worldwide_covers_everything(territory: str) -> None:
    assert not codes(make_scope(NOW, territories=("worldwide",)), territory=territory)


def test_one_country_does_not_cover_its_group() -> None:
    assert codes(make_scope(NOW, territories=("DE",)), territory="EU")


def test_regional_language_covers_itself_only() -> None:
    scope = make_scope(NOW, languages=("en-GB",))
    assert not codes(scope, language="en-GB")
    assert (
        codes(scope, language="en-US")
        == codes(scope, language="en")
        == {"consent.scope.language_not_allowed"}
    )


def test_topic_matches_whole_words_only() -> None:
    assert not codes(make_scope(NOW), text="Mr. Casinover was betters than most.")


def test_exact_limits_are_allowed() -> None:
    assert not codes(make_scope(NOW), seconds=60, seconds_used=540)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purposes": ()}, "purposes"),
        ({"channels": ("telepathy",)}, "channels"),
        ({"territories": ("Atlantis",)}, "territories"),
        ({"languages": ("tlh",)}, "languages"),
        ({"max_seconds_per_request": 0}, "max_seconds_per_request"),
        ({"max_seconds_total": 10}, "max_seconds_total"),
        ({"max_seconds_total": 600.5}, "max_seconds_total"),
        ({"max_seconds_total": True}, "max_seconds_total"),
        ({"valid_until": NOW - timedelta(days=2)}, "valid_until"),
        ({"valid_from": datetime(2026, 1, 1)}, "valid_from"),
        ({"disclosure": "whispered"}, "disclosure"),
        ({"after_end": "sell"}, "after_end"),
        ({"training_allowed": "no"}, "training_allowed"),
        ({"forbidden_topics": ("",)}, "forbidden_topics"),
        ({"forbidden_topics": ("a\nb",)}, "forbidden_topics"),
        ({"compensation_note": "x" * 501}, "compensation_note"),
    ],
)
def test_nonsense_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ScopeError, match=r"consent\.scope\.invalid") as refused:
        make_scope(NOW, **change)
    assert field in refused.value.fields


def test_json_round_trip() -> None:
    scope = make_scope(NOW)
    assert Scope.from_json(scope.to_json()) == scope


@pytest.mark.parametrize("change", [{"surprise": 1}, {"valid_from": "soon"}, {"valid_from": None}])
def test_unknown_or_broken_json_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ScopeError, match=r"consent\.scope\.invalid"):
        Scope.from_json(make_scope(NOW).to_json() | change)


def test_missing_json_field_is_refused() -> None:
    data = make_scope(NOW).to_json()
    del data["purposes"]
    with pytest.raises(ScopeError) as refused:
        Scope.from_json(data)
    assert refused.value.fields == ("purposes",)


def test_words_say_what_the_codes_say() -> None:
    words = " ".join(clause.sentence for clause in describe_scope(make_scope(NOW)))
    for part in ("customer service", "European Union", "1 minute of speech", "10 minutes", "“flat earth”",
                 "1 November 2026", "400 euros", "Every clip says aloud"):  # fmt: skip
        assert part in words
