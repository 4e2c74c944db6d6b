from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.errors import NotFoundError
from audit.frameworks import Period
from audit.frameworks.catalogue import BUILT_IN, load_catalogues
from audit.frameworks.registry import registered_evidence
from audit.log import integrate_pending
from audit.log.invariants import broken_invariants
from audit.log.models import InboxEvent
from audit.reports.sections import registered_records, registered_sections
from audit.roles import Role
from synthesis.access import get_request, may_hear, renders_for, requests_for
from synthesis.engines.registry import get_engine
from synthesis.engines.xtts.weights import FILES
from synthesis.models import Decision, Grant, SpeechRequest
from synthesis.worker.local_engines import offer_local_engines
from tests.synthesis.world import World


@pytest.fixture
def period(world: World) -> Period:
    return Period(world.now - timedelta(days=1), world.now + timedelta(days=1))


def test_sections_tell_of_requests_decisions_and_clips(world: World, period: Period) -> None:
    world.consent()
    world.model()
    request = world.approved()
    sections = {name: provider(period) for name, provider in registered_sections().items()}
    assert sections["requests"].rows[0][0] == request.number
    assert [row[1] for row in sections["decisions"].rows] == ["Policy", "Legal"]
    assert sections["clips"].rows == []


def test_signed_records_go_into_the_package_as_they_were_signed(world: World, period: Period) -> None:
    world.consent()
    world.model()
    request = world.approved()
    records = registered_records()
    decisions = list(records["decision"](period))
    assert {record.id for record in decisions} == {str(decision.pk) for decision in request.decisions.all()}
    grant = request.grants.get()
    (record,) = records["grant"](period)
    assert (record.payload, record.signature) == (bytes(grant.record), bytes(grant.signature))


def test_evidence_names_controls_that_the_catalogues_have(world: World, period: Period) -> None:
    world.consent()
    world.model()
    world.approved()
    known = {control for catalogue in load_catalogues([BUILT_IN]).values() for control in catalogue.controls}
    ours = [source for source in registered_evidence() if source.provider.__module__.startswith("synthesis.")]
    assert ours
    for source in ours:
        assert set(source.controls) <= known
        assert source.provider(period).summary


# -- invariants between rows and log ----------------------------------------------------------------


def test_history_made_by_operations_breaks_no_invariant(world: World) -> None:
    world.consent()
    world.model()
    world.approved()
    integrate_pending()
    assert list(broken_invariants()) == []


@pytest.mark.parametrize(("model", "action"), [(Decision, "decision.recorded"), (Grant, "grant.minted")])
def test_row_whose_event_is_missing_is_found(world: World, model: Any, action: str) -> None:
    world.consent()
    world.model()
    world.approved()
    InboxEvent.objects.filter(action=action).delete()
    assert any(str(model.objects.first().pk) in sentence for _, sentence in broken_invariants())


def test_grant_without_the_approval_of_two_people_is_found(world: World) -> None:
    world.consent()
    world.model()
    request = world.approved()
    request.decisions.filter(stage="policy").update(dismissed_at=world.now)
    assert any(request.number in sentence for _, sentence in broken_invariants())


# -- who sees what ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "sees", "hears"),
    [
        (Role.REQUESTER, False, False),
        (Role.VOICE_OWNER, False, False),
        (Role.POLICY_REVIEWER, True, False),
        (Role.LEGAL_REVIEWER, True, False),
        (Role.SECURITY_REVIEWER, True, False),
        (Role.VOICE_STEWARD, True, False),
        (Role.AUDITOR, True, True),
        (Role.ADMINISTRATOR, False, False),
    ],
)
def test_others_see_what_was_submitted_as_their_role_allows(
    world: World, role: Role, sees: bool, hears: bool
) -> None:
    world.consent()
    world.model()
    draft, request = world.draft(), world.approved()
    person = world.person("somebody", role)
    assert list(requests_for(person)) == ([request] if sees else [])
    assert renders_for(person).exists() == may_hear(person, request) == hears
    with pytest.raises(NotFoundError, match=r"request\.unknown"):
        get_request(person, draft.pk)


def test_requester_and_owner_see_theirs(world: World) -> None:
    world.consent()
    world.model()
    draft, request = world.draft(), world.approved()
    requester, owner = world.person("rita"), world.person("olga")
    assert set(requests_for(requester)) == {draft, request}
    assert list(requests_for(owner)) == [request]
    assert renders_for(requester).exists()
    assert renders_for(owner).exists()


@pytest.mark.parametrize("pk", ["not-an-id", "00000000-0000-0000-0000-000000000000"])
def test_request_that_is_not_there_is_unknown(world: World, pk: str) -> None:
    with pytest.raises(NotFoundError, match=r"request\.unknown"):
        get_request(world.person("anna", Role.AUDITOR), pk)
    assert not SpeechRequest.objects.exists()


# -- engines ----------------------------------------------------------------------------------------


def test_weights_are_registered_checked_and_refused_when_changed(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ENGINE_DIR = tmp_path / "engines"
    weights = tmp_path / "weights"
    weights.mkdir()
    for name in FILES:
        (weights / name).write_bytes(name.encode())
    call_command("engines", "add", "xtts", str(weights))
    call_command("engines", "list")
    call_command("engines", "check")
    said = capsys.readouterr().out
    assert "kokoro-adapted" in said
    assert "non-commercial requests only" in said
    assert said.rstrip().endswith("OK")
    get_engine.cache_clear()
    offer_local_engines()
    assert get_engine("xtts").facts.name == "xtts"
    with (weights / "model.pth").open("ab") as file:
        file.write(b"!")
    with pytest.raises(CommandError, match=r"engine\.weights_changed"):
        call_command("engines", "check")


def test_folder_without_weights_is_not_registered(settings: Any, tmp_path: Path) -> None:
    settings.ENGINE_DIR = tmp_path / "engines"
    with pytest.raises(CommandError, match=r"engine\.weights_missing"):
        call_command("engines", "add", "xtts", str(tmp_path))
    assert not (tmp_path / "engines").exists()
