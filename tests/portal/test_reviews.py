"""Deciding on a page: exactly what was read, confirmed a second time, refused where it must be."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.roles import Role
from synthesis.approvals import ACKNOWLEDGEMENTS
from synthesis.models import Decision, SpeechRequest
from tests.portal.house import House

Status = SpeechRequest.Status


@pytest.fixture
def request_(house: House) -> SpeechRequest:
    house.consent()
    return house.submitted()


@pytest.fixture
def policy(as_role: Callable[[Role], Client], request_: SpeechRequest) -> Client:
    return as_role(Role.POLICY_REVIEWER)


def answer(request: SpeechRequest, verdict: str = "approve", **changes: Any) -> dict[str, Any]:
    return {
        "digest": request.digest,
        "verdict": verdict,
        "acknowledged": list(ACKNOWLEDGEMENTS) if verdict == "approve" else [],
        "reason": "" if verdict == "approve" else "Not like this.",
        **changes,
    }


def test_inbox_shows_what_needs_me_and_what_waits_for_others(
    request_: SpeechRequest, as_role: Callable[[Role], Client], policy: Client
) -> None:
    def titles(client: Client, box: str) -> list[str]:
        return [each.title for each in client.get(reverse("reviews"), {"box": box}).context["page"]]

    assert titles(policy, "mine") == ["Line closed"]
    assert titles(as_role(Role.LEGAL_REVIEWER), "mine") == []
    assert titles(as_role(Role.LEGAL_REVIEWER), "waiting") == ["Line closed"]
    assert titles(policy, "nonsense") == ["Line closed"]


def test_page_shows_every_line_and_the_digest_decided_on(request_: SpeechRequest, policy: Client) -> None:
    page = policy.get(reverse("review", args=[request_.pk])).content.decode()

    for line in request_.lines.all():
        assert line.text in page
    assert request_.digest in page


def test_decision_is_recorded_only_after_the_confirmation(request_: SpeechRequest, policy: Client) -> None:
    address = reverse("review", args=[request_.pk])

    asked = policy.post(address, answer(request_))
    assert b"Approve this script?" in asked.content
    assert not Decision.objects.exists()
    policy.post(address, answer(request_) | {"confirmed": "yes"})

    assert Decision.objects.get().verdict == "approve"
    request_.refresh_from_db()
    assert request_.stage == "legal"


def test_two_approvals_on_pages_mint_the_grant(
    house: House, request_: SpeechRequest, policy: Client, as_role: Callable[[Role], Client]
) -> None:
    address = reverse("review", args=[request_.pk])

    policy.post(address, answer(request_) | {"confirmed": "yes"})
    as_role(Role.LEGAL_REVIEWER).post(address, answer(request_) | {"confirmed": "yes"})

    request_.refresh_from_db()
    assert request_.status == Status.APPROVED
    assert request_.grants.count() == 1


@pytest.mark.parametrize("verdict", ["reject", "request_changes"])
def test_refusing_needs_a_reason(request_: SpeechRequest, policy: Client, verdict: str) -> None:
    response = policy.post(
        reverse("review", args=[request_.pk]), answer(request_, verdict, reason=" ", confirmed="yes")
    )

    assert response.status_code == 422
    assert "Say why" in response.content.decode()
    assert not Decision.objects.exists()


def test_approving_needs_every_acknowledgement(request_: SpeechRequest, policy: Client) -> None:
    response = policy.post(
        reverse("review", args=[request_.pk]),
        answer(request_, acknowledged=["read_script"], confirmed="yes"),
    )

    assert response.status_code == 422
    assert "Approving needs all of these." in response.content.decode()
    assert not Decision.objects.exists()


def test_request_changed_since_it_was_read_is_a_conflict(request_: SpeechRequest, policy: Client) -> None:
    response = policy.post(
        reverse("review", args=[request_.pk]), answer(request_, digest="0" * 64, confirmed="yes")
    )

    assert response.status_code == 409
    assert "The request is no longer the one you were shown." in response.content.decode()
    assert not Decision.objects.exists()


def test_confirmation_sent_again_after_the_last_decision_is_refused(
    request_: SpeechRequest, as_role: Callable[[Role], Client], policy: Client
) -> None:
    legal, address = as_role(Role.LEGAL_REVIEWER), reverse("review", args=[request_.pk])
    confirmed = answer(request_) | {"confirmed": "yes"}
    policy.post(address, confirmed)
    legal.post(address, confirmed)

    response = legal.post(address, confirmed)

    assert response.status_code == 409
    assert b"decision.not_awaited" in response.content
    assert Decision.objects.count() == 2


@pytest.mark.parametrize("role", [Role.LEGAL_REVIEWER, Role.SECURITY_REVIEWER, Role.VOICE_OWNER])
def test_reader_at_another_stage_sees_why_and_cannot_decide(
    request_: SpeechRequest, as_role: Callable[[Role], Client], role: Role
) -> None:
    client, address = as_role(role), reverse("review", args=[request_.pk])

    assert b"access.role_missing" in client.get(address).content
    response = client.post(address, answer(request_) | {"confirmed": "yes"})

    assert response.status_code == 403
    assert not Decision.objects.exists()


def test_requester_with_a_reviewers_role_cannot_decide_on_their_own(
    house: House, request_: SpeechRequest, sign_in: Callable[..., Client]
) -> None:
    both = house.person_of(Role.REQUESTER)
    both.groups.add(*house.person_of(Role.POLICY_REVIEWER).groups.all())
    client, address = sign_in(both), reverse("review", args=[request_.pk])

    assert b"decision.own_request" in client.get(address).content
    response = client.post(address, answer(request_) | {"confirmed": "yes"})

    assert response.status_code == 403
    assert not Decision.objects.exists()


def test_owner_decides_last_where_the_consent_says_so(
    house: House, as_role: Callable[[Role], Client]
) -> None:
    house.consent(owner_approves_scripts=True)
    request = house.submitted()
    house.decide(request, "policy")
    house.decide(request, "legal")
    owner = as_role(Role.VOICE_OWNER)

    assert b"Waiting for your approval" in owner.get(reverse("my-voice")).content
    owner.post(reverse("review", args=[request.pk]), answer(request) | {"confirmed": "yes"})

    request.refresh_from_db()
    assert request.status == Status.APPROVED
