from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.errors import ConflictError, NotAllowedError, VivaVoceError
from audit.log.models import InboxEvent
from audit.roles import Role
from consent.consents import suspend_consent, withdraw_consent
from synthesis.errors import ScriptError, SynthesisError
from synthesis.freezes import freeze_all, freeze_voice
from synthesis.models import Decision, SpeechRequest
from synthesis.requests import (
    ScopeRefusedError,
    cancel_request,
    check_request,
    draft_request,
    estimate_seconds,
    normalise_script,
    revise_request,
    submit_request,
)
from tests.synthesis.world import LINES, World

Status = SpeechRequest.Status


def actions_about(request: SpeechRequest) -> list[str]:
    return list(
        InboxEvent.objects.filter(subject_id=request.pk).order_by("id").values_list("action", flat=True)
    )


# -- the script -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([], "script.empty"),
        (["", "   "], "script.empty"),
        (["Hello.", ""], "script.line_unspeakable"),
        (["Hello.", "?!"], "script.line_unspeakable"),
        (["😀"], "script.line_unspeakable"),
        (["Hello\x07there"], "script.control_character"),
        (["Hello\tthere"], "script.control_character"),
        (["Hello\x00"], "script.control_character"),
        (["pay\u200bpal"], "script.control_character"),
        (["left \u202etfel"], "script.control_character"),
        (["two\u2028lines"], "script.control_character"),
        (["a" * 601], "script.line_too_long"),
        (["a" * 500] * 41, "script.too_long"),
        (["a"] * 5001, "script.too_many_lines"),
    ],
)
def test_script_that_breaks_a_rule_is_refused(lines: list[str], code: str) -> None:
    with pytest.raises(ScriptError) as refused:
        normalise_script(lines)
    assert refused.value.code == code
    assert refused.value.remedy


def test_script_at_every_limit_passes() -> None:
    assert len(normalise_script(["a" * 400] * 50)) == 50
    assert len(normalise_script(["abcd"] * 5000)) == 5000
    assert normalise_script(["a" * 600])


def test_script_is_normalised_to_nfc_and_trimmed() -> None:
    assert normalise_script([" cafe\u0301 "]) == ("café",)


def test_estimate_counts_fifteen_characters_a_second() -> None:
    assert estimate_seconds(["a" * 31]) == 3


# -- drafting ---------------------------------------------------------------------------------------


def test_draft_gets_number_lines_and_event(world: World) -> None:
    first, second = world.draft(), world.draft()
    assert first.number.startswith("R-")
    assert int(second.number[2:]) > int(first.number[2:])
    assert [line.text for line in first.lines.all()] == LINES
    assert first.status == Status.DRAFT
    assert actions_about(first) == ["request.drafted"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": "  "}, "request.title_missing"),
        ({"title": "t" * 201}, "request.text_too_long"),
        ({"audience": "a" * 201}, "request.text_too_long"),
        ({"note": "n" * 4001}, "request.text_too_long"),
        ({"purpose": "espionage"}, "request.purpose_unknown"),
        ({"channel": "telepathy"}, "request.channel_unknown"),
        ({"territory": "XX"}, "request.territory_unknown"),
        ({"language": "tlh"}, "request.language_unknown"),
        ({"lines": ["bell \x07"]}, "script.control_character"),
    ],
)
def test_draft_with_a_bad_field_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(SynthesisError) as refused:
        world.draft(**changes)
    assert refused.value.code == code
    assert not SpeechRequest.objects.exists()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REQUESTER])
def test_draft_by_any_other_role_is_refused(world: World, role: Role) -> None:
    with pytest.raises(NotAllowedError) as refused:
        draft_request(voice=world.voice, actor=world.actor("mallory", role), now=world.now, **world.wish())
    assert refused.value.code == "access.role_missing"


def test_draft_in_a_voice_not_opened_to_the_requester_is_refused(world: World) -> None:
    stranger = world.actor("mallory", Role.REQUESTER)
    with pytest.raises(NotAllowedError) as refused:
        draft_request(voice=world.voice, actor=stranger, now=world.now, **world.wish())
    assert refused.value.code == "request.voice_not_offered"


# -- submitting -------------------------------------------------------------------------------------


def test_submission_pins_consent_and_digest_and_awaits_policy(world: World) -> None:
    consent = world.consent()
    request = world.submitted()
    assert (request.status, request.stage) == (Status.SUBMITTED, "policy")
    assert request.consent == consent
    assert len(request.digest) == 64
    assert request.estimated_seconds == estimate_seconds(LINES)
    assert actions_about(request) == ["request.drafted", "request.submitted"]


def test_digests_of_different_requests_differ(world: World) -> None:
    world.consent()
    assert world.submitted().digest != world.submitted().digest


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"purpose": "advertising"}, "consent.scope.purpose_not_allowed"),
        ({"channel": "broadcast"}, "consent.scope.channel_not_allowed"),
        ({"territory": "US"}, "consent.scope.territory_not_allowed"),
        ({"language": "de"}, "consent.scope.language_not_allowed"),
        ({"lines": ["Visit our casino tonight."]}, "consent.scope.topic_forbidden"),
        ({"lines": ["a" * 600, "b" * 600]}, "consent.scope.request_too_long"),
    ],
)
def test_submission_outside_the_scope_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    world.consent()
    request = world.draft(**changes)
    with pytest.raises(ScopeRefusedError) as refused:
        submit_request(request=request, actor=world.requester, now=world.now)
    assert refused.value.code == code
    assert [finding.code for finding in refused.value.findings if not finding.ok] == [code]
    request.refresh_from_db()
    assert request.status == Status.DRAFT


def test_submission_beyond_what_approved_requests_left_is_refused(world: World) -> None:
    world.consent(max_seconds_total=60)
    world.model()
    world.approved(lines=["a" * 450])
    with pytest.raises(ScopeRefusedError) as refused:
        world.submitted(lines=["b" * 465])
    assert refused.value.code == "consent.scope.total_used_up"
    assert world.submitted(lines=["b" * 450]).status == Status.SUBMITTED


def test_submission_without_consent_is_refused(world: World) -> None:
    with pytest.raises(ConflictError) as refused:
        world.submitted()
    assert refused.value.code == "consent.none_active"


def test_submission_after_the_consent_has_run_out_is_refused(world: World) -> None:
    world.consent()
    request = world.draft()
    with pytest.raises(ConflictError) as refused:
        submit_request(request=request, actor=world.requester, now=world.now + timedelta(days=31))
    assert refused.value.code == "consent.none_active"


def test_submission_under_a_suspended_consent_is_refused(world: World) -> None:
    suspend_consent(consent=world.consent(), reason="", actor=world.steward, now=world.now)
    with pytest.raises(ConflictError) as refused:
        world.submitted()
    assert refused.value.code == "consent.suspended"


def test_submission_in_a_frozen_voice_is_refused(world: World) -> None:
    world.consent()
    freeze_voice(voice=world.voice, reason="Complaint.", actor=world.steward, now=world.now)
    with pytest.raises(SynthesisError) as refused:
        world.submitted()
    assert refused.value.code == "voice.frozen"


def test_submission_while_everything_is_frozen_is_refused(world: World) -> None:
    world.consent()
    freeze_all(reason="Incident.", actor=world.administrator, now=world.now)
    with pytest.raises(SynthesisError) as refused:
        world.submitted()
    assert refused.value.code == "voice.all_frozen"


def test_submission_by_another_requester_is_refused(world: World) -> None:
    world.consent()
    request = world.draft()
    with pytest.raises(NotAllowedError) as refused:
        submit_request(request=request, actor=world.actor("mallory", Role.REQUESTER), now=world.now)
    assert refused.value.code == "request.not_yours"


# -- revising and cancelling ------------------------------------------------------------------------


def test_revision_under_review_dismisses_decisions_and_goes_back_to_draft(world: World) -> None:
    world.consent()
    request = world.in_review()
    before = request.digest
    request = revise_request(
        request=request, actor=world.requester, now=world.now, **world.wish(lines=["Another text."])
    )
    assert (request.status, request.stage, request.revision) == (Status.DRAFT, "", 2)
    assert not Decision.objects.filter(request=request, dismissed_at=None).exists()
    request = submit_request(request=request, actor=world.requester, now=world.now)
    assert (request.status, request.stage) == (Status.SUBMITTED, "policy")
    assert request.digest != before


def test_resubmission_after_changes_were_asked_for_needs_every_decision_anew(world: World) -> None:
    world.consent()
    request = world.in_review()
    world.decide(request, "legal", "request_changes")
    request.refresh_from_db()
    assert request.status == Status.CHANGES_REQUESTED
    request = submit_request(request=request, actor=world.requester, now=world.now)
    assert request.stage == "policy"
    assert Decision.objects.filter(request=request, dismissed_at=None).count() == 0
    assert Decision.objects.filter(request=request).count() == 2


def test_cancelling_an_approved_request_revokes_its_grant_and_stops_its_lines(world: World) -> None:
    world.consent()
    world.model()
    request = cancel_request(request=world.approved(), actor=world.requester, now=world.now)
    assert request.status == Status.CANCELLED
    assert request.grants.get().revoked_at == world.now
    assert {render.status for render in request.renders.all()} == {"withdrawn"}


OPERATIONS = {"revise": Status.DRAFT, "submit": Status.SUBMITTED, "cancel": Status.CANCELLED}


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_edge_of_the_request_machine(world: World, operation: str, status: str) -> None:
    """Legal edges work from every state that has them; all others are refused and change nothing."""
    world.consent()
    request = world.submitted()
    SpeechRequest.objects.filter(pk=request.pk).update(
        status=status, stage="policy" if status in SpeechRequest.UNDER_REVIEW else ""
    )
    legal = OPERATIONS[operation] in SpeechRequest.TRANSITIONS[status]
    legal |= operation == "revise" and status == Status.DRAFT
    call = {
        "revise": lambda: revise_request(
            request=request, actor=world.requester, now=world.now, **world.wish(title="Changed")
        ),
        "submit": lambda: submit_request(request=request, actor=world.requester, now=world.now),
        "cancel": lambda: cancel_request(request=request, actor=world.requester, now=world.now),
    }[operation]
    if legal:
        assert call().status == OPERATIONS[operation]
        return
    with pytest.raises(ConflictError) as refused:
        call()
    assert refused.value.code == "request.wrong_state"
    request.refresh_from_db()
    assert request.status == status


# -- the live check ---------------------------------------------------------------------------------


def live_check(world: World, **changes: Any) -> Any:
    fields = {
        key: value
        for key, value in world.wish(**changes).items()
        if key in ("purpose", "channel", "territory", "language", "lines")
    }
    return check_request(voice=world.voice, now=world.now, **fields)


def test_live_check_shows_every_dimension_with_its_clause(world: World) -> None:
    world.consent()
    check = live_check(world)
    assert check.ok
    assert check.seconds == estimate_seconds(LINES)
    assert check.seconds_left == 300
    assert {finding.dimension for finding in check.findings} >= {"purpose", "channel", "topic", "dates"}
    assert all(finding.clause for finding in check.findings)


def test_live_check_of_a_wrong_channel_says_so_and_raises_nothing(world: World) -> None:
    world.consent()
    check = live_check(world, channel="broadcast")
    assert check.refusal is not None
    assert check.refusal.code == "consent.scope.channel_not_allowed"


def test_live_check_of_an_unfinished_form_raises_nothing(world: World) -> None:
    world.consent()
    check = live_check(world, lines=[], purpose="", channel="")
    assert check.refusal is not None
    assert check.refusal.code == "script.empty"


def test_live_check_without_consent_says_so(world: World) -> None:
    check = live_check(world)
    assert isinstance(check.refusal, VivaVoceError)
    assert check.refusal.code == "consent.none_active"
    assert check.findings == ()


# -- the ground is taken away -----------------------------------------------------------------------


@pytest.mark.parametrize("reach", ["submitted", "in_review", "approved"])
def test_withdrawal_of_the_consent_withdraws_what_rests_on_it(world: World, reach: str) -> None:
    consent = world.consent()
    world.model()
    request = getattr(world, reach)()
    withdraw_consent(consent=consent, reason="I changed my mind.", actor=world.owner, now=world.now)
    request.refresh_from_db()
    assert (request.status, request.outcome_code) == (Status.WITHDRAWN, "consent.withdrawn")
    assert not request.grants.filter(revoked_at=None).exists()
    assert {render.status for render in request.renders.all()} <= {"withdrawn"}
    assert not world.voice.models.filter(status="ready").exists()


def test_withdrawal_leaves_drafts_and_says_what_it_stopped(world: World) -> None:
    consent = world.consent()
    world.model()
    draft = world.draft()
    world.approved()
    withdraw_consent(consent=consent, reason="", actor=world.owner, now=world.now)
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT
    consent.refresh_from_db()
    assert b'"what":"requests"' in bytes(consent.receipt.record)


def test_number_of_the_request_is_never_given_twice(world: World, now: datetime) -> None:
    numbers = [world.draft().number for _ in range(5)]
    assert len(set(numbers)) == 5
