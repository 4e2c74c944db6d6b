"""Every address × everybody × the states that matter: one table, and a test that it misses no address."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from audit.models import Person
from audit.roles import Role
from portal.urls import urlpatterns
from tests.portal.house import House

EVERYBODY = frozenset(Role)
REVIEWERS = frozenset({Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER, Role.SECURITY_REVIEWER})
REQUESTER, STEWARD, OWNER = Role.REQUESTER, Role.VOICE_STEWARD, Role.VOICE_OWNER
AUDITOR, ADMINISTRATOR = Role.AUDITOR, Role.ADMINISTRATOR
SEE_VOICES = REVIEWERS | {STEWARD, AUDITOR, ADMINISTRATOR}
READ_REQUESTS = REVIEWERS | {STEWARD, AUDITOR, OWNER, REQUESTER}
FREEZERS = frozenset({ADMINISTRATOR, STEWARD, Role.SECURITY_REVIEWER})
DETECTORS = frozenset(Role) - {REQUESTER, OWNER}

Subject = Callable[[House], Any]


@dataclass(frozen=True)
class Route:
    """``allowed`` are let in; of the others, those who may be here but not see this thing get a 404.

    A route that anybody may open has ``public``.
    """

    allowed: Iterable[Role] = EVERYBODY
    subject: Subject | None = None
    hidden_from: Iterable[Role] = ()
    method: str = "get"
    public: bool = False
    state: str = ""


def draft(house: House) -> Any:
    house.consent()
    return house.draft().pk


def submitted(house: House) -> Any:
    house.consent()
    return house.submitted().pk


def clip(house: House) -> Any:
    house.consent()
    return house.ready_clip().pk


def voice(house: House) -> Any:
    return house.voice.pk


def owner(house: House) -> Any:
    return house.voice.owner_id


def recording(house: House) -> Any:
    return house.add_recording().pk


def signed(house: House) -> Any:
    return house.consent().pk


def offered(house: House) -> Any:
    return house.offer[0].pk


def link(house: House) -> Any:
    return house.offer[1]


def freeze(house: House) -> Any:
    return house.freeze().pk


def event(house: House) -> Any:
    house.voice.refresh_from_db()
    return house.leaf().seq


def report(house: House) -> Any:
    return house.report().pk


def person(house: House) -> Any:
    return house.person("somebody").pk


ROUTES: list[tuple[str, Route]] = [
    ("home", Route()),
    ("sign-in", Route(public=True)),
    ("sign-out", Route(method="post", public=True)),
    ("account", Route()),
    ("password", Route()),
    ("appearance", Route(method="post", public=True)),
    ("requests", Route({REQUESTER})),
    ("request-new", Route({REQUESTER})),
    ("request-check", Route({REQUESTER}, method="post")),
    ("request", Route({REQUESTER}, draft, EVERYBODY - {REQUESTER}, state="draft")),
    ("request", Route(READ_REQUESTS, submitted, {ADMINISTRATOR}, state="submitted")),
    ("request-progress", Route({REQUESTER}, draft, EVERYBODY - {REQUESTER}, state="draft")),
    ("request-progress", Route(READ_REQUESTS, submitted, {ADMINISTRATOR}, state="submitted")),
    ("request-edit", Route({REQUESTER}, draft)),
    ("request-submit", Route({REQUESTER}, draft, method="post")),
    ("request-cancel", Route({REQUESTER}, draft)),
    ("clip", Route({REQUESTER, OWNER, AUDITOR}, clip, EVERYBODY - {REQUESTER, OWNER, AUDITOR})),
    ("clip-download", Route({REQUESTER, OWNER, AUDITOR}, clip, EVERYBODY - {REQUESTER, OWNER, AUDITOR})),
    ("reviews", Route(REVIEWERS)),
    ("review", Route((), draft, REVIEWERS | {OWNER}, state="draft")),
    ("review", Route(REVIEWERS | {OWNER}, submitted, state="submitted")),
    ("owners", Route({STEWARD, AUDITOR, ADMINISTRATOR})),
    ("owner-new", Route({STEWARD})),
    ("owner", Route({STEWARD, AUDITOR, ADMINISTRATOR}, owner)),
    ("voice-progress", Route({STEWARD, AUDITOR, ADMINISTRATOR}, voice)),
    ("recordings-add", Route({STEWARD}, voice, method="post")),
    ("voice-enrol", Route({STEWARD}, voice, method="post")),
    ("voice-requesters", Route({STEWARD}, voice, method="post")),
    ("consent-prepare", Route({STEWARD}, voice)),
    ("recording-remove", Route({STEWARD}, recording)),
    ("consent", Route(SEE_VOICES | {OWNER, REQUESTER}, signed)),
    ("consent-revise", Route({STEWARD}, signed)),
    ("consent-offer", Route({STEWARD}, offered, method="post")),
    ("consent-recall", Route({STEWARD}, offered, method="post")),
    ("consent-manage-link", Route({STEWARD}, signed, method="post")),
    ("consent-withdraw", Route({STEWARD, OWNER}, signed)),
    ("consent-document", Route({STEWARD, OWNER, AUDITOR}, signed)),
    ("my-voice", Route({OWNER})),
    ("signing", Route(subject=link, public=True)),
    ("signing-terms", Route(subject=link, public=True)),
    ("signing-sign", Route(subject=link, public=True)),
    ("signing-decline", Route(subject=link, public=True)),
    ("audit", Route({AUDITOR})),
    ("controls", Route({AUDITOR})),
    ("log-verify", Route({AUDITOR}, method="post")),
    ("log", Route({AUDITOR})),
    ("event", Route({AUDITOR}, event)),
    ("event-proof", Route({AUDITOR}, event)),
    ("reports", Route({AUDITOR})),
    ("report", Route({AUDITOR}, report)),
    ("report-progress", Route({AUDITOR}, report)),
    ("report-pdf", Route({AUDITOR}, report)),
    ("report-evidence", Route({AUDITOR}, report, method="post")),
    ("report-cancel", Route({AUDITOR}, report, method="post")),
    ("report-retry", Route({AUDITOR}, report, method="post")),
    ("verify", Route(DETECTORS)),
    ("people", Route({ADMINISTRATOR})),
    ("person-new", Route({ADMINISTRATOR})),
    ("person", Route({ADMINISTRATOR}, person)),
    ("person-password", Route({ADMINISTRATOR}, person)),
    ("person-close", Route({ADMINISTRATOR}, person)),
    ("freezes", Route(FREEZERS | {AUDITOR})),
    ("freeze-new", Route(FREEZERS)),
    ("freeze-lift", Route(FREEZERS, freeze)),
    ("system", Route({ADMINISTRATOR})),
    ("health", Route(public=True)),
]
# A link for signing does not open the pages for managing: see test_signing.py for these two.
ELSEWHERE = {"signing-withdraw", "signing-document"}


def expected(role: Role, route: Route) -> str:
    if role in set(route.allowed):
        return "let in"
    return "hidden" if role in set(route.hidden_from) else "forbidden"


def outcome(response: HttpResponse) -> str:
    """What a visitor met: let in, hidden (404), forbidden (403) or sent to sign in."""
    if response.status_code == 302 and response.headers["Location"].startswith("/sign-in/?next="):
        return "sign in"
    return {404: "hidden", 403: "forbidden"}.get(response.status_code, "let in")


def test_table_covers_every_address() -> None:
    assert {name for name, _ in ROUTES} | ELSEWHERE == {pattern.name for pattern in urlpatterns}


@pytest.mark.parametrize(
    ("name", "route"), ROUTES, ids=[f"{name}-{route.state}".strip("-") for name, route in ROUTES]
)
def test_who_is_let_in(name: str, route: Route, house: House, sign_in: Callable[[Person], Client]) -> None:
    everybody = house.everybody()
    args = [route.subject(house)] if route.subject else []
    address = reverse(name, args=args)

    stranger = outcome(getattr(Client(), route.method)(address))
    # Whoever is let in comes last: some of these addresses change what the others ask for.
    met = {
        role: outcome(getattr(sign_in(everybody[role]), route.method)(address))
        for role in sorted(Role, key=lambda role: role in set(route.allowed))
    }

    assert stranger == ("let in" if route.public else "sign in")
    assert met == {role: expected(role, route) for role in Role}


@pytest.mark.parametrize("name", ["request-submit", "recordings-add", "consent-offer", "report-cancel"])
def test_reading_an_address_that_changes_things_is_refused(name: str, house: House, as_role) -> None:
    response = as_role(STEWARD).get(reverse(name, args=["00000000-0000-4000-8000-000000000000"]))

    assert response.status_code == 405


def test_form_from_another_site_is_refused(house: House) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(house.person_of(STEWARD), backend="django.contrib.auth.backends.ModelBackend")

    response = client.post(reverse("owner-new"), {"full_name": "Olga Owner"})

    assert response.status_code == 403
    assert b"access.form_expired" in response.content
