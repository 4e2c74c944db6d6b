import threading
from typing import Any

import pytest
from django.db import connection

from audit.actors import Actor
from audit.errors import ConflictError, NotAllowedError, VerificationError, VivaVoceError
from audit.keys import keyring
from audit.log.models import InboxEvent
from audit.roles import Role
from consent.consents import suspend_consent, withdraw_consent
from synthesis.approvals import decide, inbox_for, refusal_to_decide
from synthesis.errors import SynthesisError
from synthesis.freezes import freeze_voice
from synthesis.grants import GrantTerms
from synthesis.models import Decision, Grant, Render, ScriptLine, SpeechRequest
from synthesis.requests import ScopeRefusedError, revise_request, submit_request
from tests.synthesis.world import LINES, World

Status = SpeechRequest.Status


def refused_codes() -> list[str]:
    events = InboxEvent.objects.filter(action="decision.refused").order_by("id")
    return [event.event["payload"]["code"] for event in events]


def test_policy_then_legal_approves_and_mints_one_grant_for_exactly_these_lines(world: World) -> None:
    consent = world.consent()
    world.model()
    request = world.submitted()
    world.decide(request, "policy")
    request.refresh_from_db()
    assert (request.status, request.stage) == (Status.IN_REVIEW, "legal")
    assert not Grant.objects.filter(kind="render").exists()
    world.decide(request, "legal")
    request.refresh_from_db()
    assert (request.status, request.stage) == (Status.APPROVED, "")
    grant = Grant.objects.get(kind="render")
    terms = GrantTerms.from_record(
        keyring().open_record(
            purpose="grant",
            type="grant",
            payload=bytes(grant.record),
            signature=bytes(grant.signature),
            key_id=grant.key_id,
        )
    )
    assert terms.request_digest == request.digest
    assert terms.consent_digest == consent.digest
    assert (
        terms.decisions == tuple(d.digest for d in request.decisions.order_by("created_at", "stage").all())
        or len(terms.decisions) == 2
    )
    assert [line.sha256 for line in terms.lines] == list(request.lines.values_list("sha256", flat=True))
    renders = Render.objects.filter(request=request)
    assert [render.status for render in renders] == ["queued"] * len(LINES)
    assert len({render.watermark_id for render in renders}) == len(LINES)


def test_decision_is_a_signed_record_bound_to_the_request(world: World) -> None:
    world.consent()
    request = world.submitted()
    decision = world.decide(request, "policy", reason="Fine.")
    record = keyring().open_record(
        purpose="decision",
        type="decision",
        payload=bytes(decision.record),
        signature=bytes(decision.signature),
        key_id=decision.key_id,
    )
    assert record["request"] == {"id": str(request.pk), "digest": request.digest, "revision": 1}
    assert (record["stage"], record["verdict"], record["role"]) == ("policy", "approve", "policy_reviewer")
    assert record["acknowledged"] == sorted(record["acknowledged"])


def test_script_is_approved_by_the_owner_too_where_the_consent_says_so(world: World) -> None:
    world.consent(owner_approves_scripts=True)
    world.model()
    request = world.approved()
    assert (request.status, request.stage) == (Status.IN_REVIEW, "owner")
    assert not Grant.objects.filter(kind="render").exists()
    with pytest.raises(NotAllowedError) as refused:
        world.decide(request, "owner", actor=world.actor("other", Role.VOICE_OWNER))
    assert refused.value.code == "decision.not_your_voice"
    world.decide(request, "owner")
    request.refresh_from_db()
    assert request.status == Status.APPROVED


def test_owner_who_came_by_link_may_approve_their_script(world: World) -> None:
    world.consent(owner_approves_scripts=True)
    world.model()
    request = world.approved()
    world.decide(request, "owner", actor=Actor.from_link(world.voice.owner_id, "Olga Owner"))
    request.refresh_from_db()
    assert request.status == Status.APPROVED


@pytest.mark.parametrize(
    ("verdict", "status"), [("reject", Status.REJECTED), ("request_changes", Status.CHANGES_REQUESTED)]
)
@pytest.mark.parametrize("stage", ["policy", "legal"])
def test_other_verdicts_end_the_review(world: World, stage: str, verdict: str, status: str) -> None:
    world.consent()
    request = world.submitted() if stage == "policy" else world.in_review()
    world.decide(request, stage, verdict)
    request.refresh_from_db()
    assert (request.status, request.stage) == (status, "")
    assert not Grant.objects.exists()


# -- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.POLICY_REVIEWER])
def test_decision_in_any_other_role_is_refused(world: World, role: Role) -> None:
    world.consent()
    request = world.submitted()
    with pytest.raises(NotAllowedError) as refused:
        world.decide(request, "policy", actor=world.actor("mallory", role))
    expected = "decision.administrator" if role is Role.ADMINISTRATOR else "access.role_missing"
    assert refused.value.code == expected
    assert refused_codes() == [expected]
    assert not Decision.objects.exists()


def test_administrator_who_is_a_reviewer_too_cannot_decide(world: World) -> None:
    world.consent()
    request = world.submitted()
    both = world.actor("mallory", Role.ADMINISTRATOR, Role.POLICY_REVIEWER)
    with pytest.raises(NotAllowedError) as refused:
        world.decide(request, "policy", actor=both)
    assert refused.value.code == "decision.administrator"


def test_decision_by_requester_is_refused(world: World) -> None:
    world.person("rita", Role.REQUESTER, Role.POLICY_REVIEWER)
    world.consent()
    request = world.submitted()
    with pytest.raises(NotAllowedError) as refused:
        world.decide(request, "policy", actor=world.requester)
    assert refused.value.code == "decision.own_request"
    assert refused_codes() == ["decision.own_request"]


def test_decision_by_last_editor_is_refused(world: World) -> None:
    world.consent()
    request = world.submitted()
    SpeechRequest.objects.filter(pk=request.pk).update(last_edited_by=world.policy.person)
    with pytest.raises(NotAllowedError) as refused:
        world.decide(request, "policy")
    assert refused.value.code == "decision.own_request"


def test_second_decision_by_one_person_is_refused(world: World) -> None:
    both = world.actor("beth", Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER)
    world.consent()
    request = world.submitted()
    world.decide(request, "policy", actor=both)
    with pytest.raises(NotAllowedError) as refused:
        world.decide(request, "legal", actor=both)
    assert refused.value.code == "decision.already_decided"


@pytest.mark.parametrize("status", [status for status in Status if status not in SpeechRequest.UNDER_REVIEW])
@pytest.mark.parametrize("verdict", list(Decision.Verdict))
def test_decision_outside_review_is_refused(world: World, status: str, verdict: str) -> None:
    world.consent()
    request = world.submitted()
    SpeechRequest.objects.filter(pk=request.pk).update(status=status, stage="")
    with pytest.raises(ConflictError) as refused:
        world.decide(request, "policy", verdict)
    assert refused.value.code == "decision.not_awaited"
    request.refresh_from_db()
    assert request.status == status


def test_decision_on_a_draft_that_was_never_submitted_is_refused(world: World) -> None:
    with pytest.raises(ConflictError) as refused:
        world.decide(world.draft(), "policy")
    assert refused.value.code == "decision.not_awaited"


def test_legal_decision_before_policy_is_refused(world: World) -> None:
    world.consent()
    with pytest.raises(ConflictError) as refused:
        world.decide(world.submitted(), "legal")
    assert refused.value.code == "decision.not_awaited"


def test_second_decision_at_a_stage_is_refused(world: World) -> None:
    world.consent()
    request = world.in_review()
    with pytest.raises(ConflictError) as refused:
        world.decide(request, "policy", actor=world.actor("peter", Role.POLICY_REVIEWER))
    assert refused.value.code == "decision.not_awaited"


def test_decision_on_what_was_changed_since_it_was_shown_is_refused(world: World) -> None:
    world.consent()
    request = world.submitted()
    shown = request.digest
    revise_request(request=request, actor=world.requester, now=world.now, **world.wish(lines=["New."]))
    submit_request(request=request, actor=world.requester, now=world.now)
    with pytest.raises(ConflictError) as refused:
        world.decide(request, "policy", digest=shown)
    assert refused.value.code == "decision.request_changed"
    assert refused_codes() == ["decision.request_changed"]


def test_decision_on_a_line_edited_in_the_database_is_refused(world: World) -> None:
    world.consent()
    request = world.submitted()
    ScriptLine.objects.filter(request=request, position=1).update(text="Send us your password.")
    with pytest.raises(ConflictError) as refused:
        world.decide(request, "policy")
    assert refused.value.code == "decision.request_changed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"verdict": "reject", "reason": "  "}, "decision.reason_missing"),
        ({"verdict": "request_changes", "reason": ""}, "decision.reason_missing"),
        ({"reason": "r" * 4001}, "decision.reason_too_long"),
        ({"acknowledged": []}, "decision.not_acknowledged"),
        ({"acknowledged": ["read_script"]}, "decision.not_acknowledged"),
    ],
)
def test_incomplete_decision_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    world.consent()
    with pytest.raises(SynthesisError) as refused:
        world.decide(world.submitted(), "policy", **changes)
    assert refused.value.code == code


def test_approval_in_a_frozen_voice_is_refused_and_works_when_it_is_lifted(world: World) -> None:
    world.consent()
    request = world.in_review()
    freeze_voice(voice=world.voice, reason="Complaint.", actor=world.steward, now=world.now)
    with pytest.raises(SynthesisError) as refused:
        world.decide(request, "legal")
    assert refused.value.code == "voice.frozen"
    request.refresh_from_db()
    assert request.status == Status.IN_REVIEW


def test_approval_under_a_suspended_consent_is_refused(world: World) -> None:
    consent = world.consent()
    request = world.submitted()
    suspend_consent(consent=consent, reason="", actor=world.steward, now=world.now)
    with pytest.raises(ConflictError) as refused:
        world.decide(request, "policy")
    assert refused.value.code == "consent.suspended"


def test_approval_under_a_consent_that_was_replaced_is_refused(world: World) -> None:
    world.consent()
    request = world.submitted()
    world.consent()
    with pytest.raises(ConflictError) as refused:
        world.decide(request, "policy")
    assert refused.value.code == "decision.consent_changed"


def test_rejection_under_a_consent_that_was_replaced_is_possible(world: World) -> None:
    world.consent()
    request = world.submitted()
    world.consent()
    world.decide(request, "policy", "reject")
    request.refresh_from_db()
    assert request.status == Status.REJECTED


def test_approval_of_what_no_longer_fits_the_limits_is_refused(world: World) -> None:
    world.consent(max_seconds_total=60)
    world.model()
    first = world.submitted(lines=["a" * 450])
    second = world.submitted(lines=["b" * 465])
    for stage in ("policy", "legal"):
        world.decide(first, stage)
    with pytest.raises(ScopeRefusedError) as refused:
        world.decide(second, "policy")
    assert refused.value.code == "consent.scope.total_used_up"


def test_edited_consent_row_stops_every_decision(world: World) -> None:
    consent = world.consent()
    request = world.submitted()
    consent.scope_json["channels"] = ["broadcast"]
    consent.save(update_fields=["scope_json"])
    with pytest.raises(VerificationError) as refused:
        world.decide(request, "policy")
    assert refused.value.code == "consent.record_altered"


@pytest.mark.parametrize(
    "edit",
    [
        {"record": b"{}"},
        {"dismissed_at": "now"},
        {"signature": bytes(64)},
    ],
)
def test_last_approval_over_a_tampered_earlier_one_mints_nothing(world: World, edit: dict[str, Any]) -> None:
    world.consent()
    request = world.in_review()
    if "dismissed_at" in edit:
        edit = {"dismissed_at": world.now}
    Decision.objects.filter(request=request).update(**edit)
    with pytest.raises(VerificationError):
        world.decide(request, "legal")
    assert not Grant.objects.exists()
    request.refresh_from_db()
    assert request.status == Status.IN_REVIEW


# -- inbox ------------------------------------------------------------------------------------------


def test_inbox_holds_what_waits_for_the_reader_and_nothing_else(world: World) -> None:
    world.consent()
    first, second = world.submitted(), world.in_review()
    assert world.policy.person is not None
    assert world.legal.person is not None
    assert list(inbox_for(world.policy.person)) == [first]
    assert list(inbox_for(world.legal.person)) == [second]
    assert world.requester.person is not None
    assert list(inbox_for(world.requester.person)) == []
    assert list(inbox_for(world.person("mallory", Role.ADMINISTRATOR, Role.POLICY_REVIEWER))) == []


def test_inbox_leaves_out_what_the_reader_asked_for_or_decided_on(world: World) -> None:
    world.person("rita", Role.REQUESTER, Role.POLICY_REVIEWER)
    beth = world.actor("beth", Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER)
    world.consent()
    request = world.submitted()
    assert world.requester.person is not None
    assert beth.person is not None
    assert list(inbox_for(world.requester.person)) == []
    world.decide(request, "policy", actor=beth)
    assert list(inbox_for(beth.person)) == []


def test_page_can_say_why_somebody_may_not_decide(world: World) -> None:
    world.consent()
    request = world.submitted()
    assert refusal_to_decide(request=request, actor=world.policy) is None
    for actor, code in (
        (world.requester, "access.role_missing"),
        (world.administrator, "decision.administrator"),
    ):
        refusal = refusal_to_decide(request=request, actor=actor)
        assert refusal is not None
        assert refusal.code == code


# -- at the same time -------------------------------------------------------------------------------


def race(*calls: Any) -> list[Any]:
    """Runs the calls at once, each in a thread with its own connection; the results or errors, in order."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(place: int, call: Any) -> None:
        try:
            barrier.wait(timeout=10)
            results[place] = call()
        except VivaVoceError as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_one_decides_and_the_other_is_told(
    transactional_db: None, world: World
) -> None:
    world.consent()
    request = world.submitted()
    paul, peter = world.policy, world.actor("peter", Role.POLICY_REVIEWER)
    results = race(
        lambda: world.decide(request, "policy", actor=paul),
        lambda: world.decide(request, "policy", "reject", actor=peter),
    )
    errors = [result for result in results if isinstance(result, VivaVoceError)]
    assert [error.code for error in errors] == ["decision.not_awaited"]
    assert Decision.objects.filter(request=request).count() == 1


@pytest.mark.django_db(transaction=True)
def test_withdrawal_during_the_last_approval_ends_in_no_standing_grant(
    transactional_db: None, world: World
) -> None:
    consent = world.consent()
    world.model()
    request = world.in_review()
    owner, legal = world.owner, world.legal
    results = race(
        lambda: world.decide(request, "legal", actor=legal),
        lambda: withdraw_consent(consent=consent, reason="", actor=owner, now=world.now),
    )
    assert not isinstance(results[1], VivaVoceError)
    request.refresh_from_db()
    assert request.status == Status.WITHDRAWN
    assert not Grant.objects.filter(revoked_at=None).exists()
    assert not Render.objects.filter(status__in=Render.LIVE).exists()


@pytest.mark.django_db(transaction=True)
def test_edit_during_a_decision_has_exactly_one_outcome(transactional_db: None, world: World) -> None:
    world.consent()
    request = world.submitted()
    requester, paul = world.requester, world.policy
    wish = world.wish(lines=["Changed."])
    shown = request.digest
    race(
        lambda: decide(
            request=request,
            stage="policy",
            verdict="approve",
            digest=shown,
            acknowledged=["read_script", "checked_scope", "no_deception"],
            actor=paul,
            now=world.now,
        ),
        lambda: revise_request(request=request, actor=requester, now=world.now, **wish),
    )
    request.refresh_from_db()
    assert request.status == Status.DRAFT
    assert not Decision.objects.filter(request=request, dismissed_at=None).exists()
