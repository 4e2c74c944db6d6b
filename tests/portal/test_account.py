"""Signing in, being locked out, one's landing page, and how bad news looks."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import InboxEvent, Person
from audit.people import create_person
from audit.roles import Role
from tests.portal.house import House
from tests.synthesis.world import SYSTEM

PASSWORD = "seven purple trams at noon"


@pytest.fixture
def person(house: House) -> Person:
    return create_person(
        email="rita@example.org",
        full_name="Rita",
        roles=[Role.REQUESTER],
        password=PASSWORD,
        time_zone="Asia/Tokyo",
        actor=SYSTEM,
        now=house.now,
    )


def sign_in(client: Client, password: str = PASSWORD, email: str = "rita@example.org"):
    return client.post(reverse("sign-in"), {"username": email, "password": password})


def test_signing_in_leads_to_the_first_page_and_is_an_event(person: Person) -> None:
    client = Client()

    response = sign_in(client, email="RITA@example.org")

    assert client.get(response.headers["Location"]).headers["Location"] == reverse("requests")
    assert InboxEvent.objects.filter(action="person.signed_in").count() == 1


def test_wrong_password_keeps_the_address_typed(person: Person) -> None:
    response = sign_in(Client(), password="wrong")

    assert b"do not belong together" in response.content
    assert b"rita@example.org" in response.content


def test_too_many_wrong_passwords_lock_the_address_out(person: Person) -> None:
    client = Client()

    for _ in range(8):
        response = sign_in(client, password="wrong")

    assert response.status_code == 429
    assert b"access.locked_out" in response.content
    assert sign_in(client).status_code == 429


def test_sign_in_does_not_send_people_to_other_sites(person: Person) -> None:
    response = Client().post(
        reverse("sign-in"),
        {"username": "rita@example.org", "password": PASSWORD, "next": "https://evil.example/"},
    )

    assert response.headers["Location"] == reverse("home")


def test_closed_account_cannot_sign_in(person: Person) -> None:
    Person.objects.update(is_active=False)

    assert sign_in(Client()).status_code == 200


def test_password_change_asks_for_the_old_one_and_a_strong_new_one(person: Person) -> None:
    client = Client()
    sign_in(client)

    def change(old: str, new: str):
        return client.post(
            reverse("password"), {"old_password": old, "new_password1": new, "new_password2": new}
        )

    assert change("wrong", "another good long one").status_code == 200
    assert change(PASSWORD, "short").status_code == 200
    assert change(PASSWORD, "another good long one").status_code == 302
    assert sign_in(Client(), password="another good long one").status_code == 302


def test_signing_out_needs_a_form_and_ends_the_session(person: Person) -> None:
    client = Client()
    sign_in(client)

    assert client.get(reverse("sign-out")).status_code == 405
    client.post(reverse("sign-out"))

    assert client.get(reverse("account")).status_code == 302


@pytest.mark.parametrize(
    ("role", "landing"),
    [
        (Role.REQUESTER, "requests"),
        (Role.POLICY_REVIEWER, "reviews"),
        (Role.LEGAL_REVIEWER, "reviews"),
        (Role.SECURITY_REVIEWER, "reviews"),
        (Role.VOICE_STEWARD, "owners"),
        (Role.VOICE_OWNER, "my-voice"),
        (Role.AUDITOR, "audit"),
        (Role.ADMINISTRATOR, "people"),
    ],
)
def test_each_role_lands_on_the_page_it_works_from(
    as_role: Callable[[Role], Client], role: Role, landing: str
) -> None:
    client = as_role(role)

    response = client.get(reverse("home"))

    assert response.headers["Location"] == reverse(landing)
    assert client.get(response.headers["Location"]).status_code == 200


def test_person_without_a_role_lands_on_their_account(house: House, sign_in: Callable[..., Client]) -> None:
    client = sign_in(house.person("nobody"))

    assert client.get(reverse("home")).headers["Location"] == reverse("account")


def test_appearance_is_chosen_without_javascript_and_stays(db: None) -> None:
    client = Client()

    client.post(reverse("appearance"), {"next": reverse("sign-in")})

    assert b'data-appearance="light"' in client.get(reverse("sign-in")).content


def test_appearance_does_not_send_people_to_other_sites(db: None) -> None:
    response = Client().post(reverse("appearance"), {"next": "https://evil.example/"})

    assert response.headers["Location"] == reverse("home")


@pytest.mark.parametrize("address", ["/nowhere/", "/requests/nothing/", "/log/-1/"])
def test_unknown_address_has_a_page_with_a_code(house: House, address: str) -> None:
    response = Client().get(address)

    assert response.status_code == 404
    assert b"access.not_found" in response.content


def test_refusal_under_htmx_is_the_notice_alone(as_role: Callable[[Role], Client]) -> None:
    response = as_role(Role.REQUESTER).get(reverse("people"), headers={"HX-Request": "true"})

    assert response.status_code == 403
    assert b"access.role_missing" in response.content
    assert b"<html" not in response.content


def test_pages_carry_a_policy_without_inline_code_or_other_hosts(person: Person) -> None:
    response = Client().get(reverse("sign-in"))

    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    page = response.content.decode()
    assert "<style" not in page
    assert " style=" not in page
    assert "https://" not in page
