"""The administrator's pages: people, freezes, and how the portal is."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Person
from audit.roles import Role
from synthesis.models import Freeze
from tests.portal.house import House

PASSWORD = "seven purple trams at noon"


@pytest.fixture
def client(as_role: Callable[[Role], Client]) -> Client:
    return as_role(Role.ADMINISTRATOR)


def newcomer(**changes: object) -> dict[str, object]:
    return {
        "full_name": "Nina Newcomer",
        "email": "nina@example.org",
        "time_zone": "Europe/Paris",
        "password": PASSWORD,
        "roles": ["auditor", "requester"],
        **changes,
    }


def test_new_person_can_sign_in_with_the_roles_given(client: Client) -> None:
    client.post(reverse("person-new"), newcomer())

    person = Person.objects.get(email="nina@example.org")
    assert person.roles == {Role.AUDITOR, Role.REQUESTER}
    assert person.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "nina"}, "email"),
        ({"email": "ADA@example.org"}, "email"),
        ({"full_name": ""}, "full_name"),
        ({"password": "password1234"}, "password"),
        ({"password": "short"}, "password"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"roles": ["emperor"]}, "roles"),
    ],
)
def test_person_with_a_bad_field_is_refused_there(
    client: Client, changes: dict[str, object], field: str
) -> None:
    response = client.post(reverse("person-new"), newcomer(**changes))

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert Person.objects.count() == 1


def test_roles_are_changed(house: House, client: Client) -> None:
    person = house.person("somebody", Role.REQUESTER)

    client.post(reverse("person", args=[person.pk]), {"roles": ["voice_steward"]})

    assert Person.objects.get(pk=person.pk).roles == {Role.VOICE_STEWARD}


def test_last_administrator_stays_one(house: House, client: Client) -> None:
    ada = house.person_of(Role.ADMINISTRATOR)

    response = client.post(reverse("person", args=[ada.pk]), {"roles": ["auditor"]})

    assert response.status_code == 422
    assert "This is the last administrator." in response.content.decode()
    assert Person.objects.get(pk=ada.pk).roles == {Role.ADMINISTRATOR}


def test_account_is_closed_only_after_asking(house: House, client: Client) -> None:
    person = house.person("somebody")
    address = reverse("person-close", args=[person.pk])

    assert b"Close this account?" in client.get(address).content
    person.refresh_from_db()
    assert person.is_active
    client.post(address)

    person.refresh_from_db()
    assert not person.is_active


def test_freezing_everything_asks_for_a_reason_and_a_second_look(house: House, client: Client) -> None:
    address, wish = reverse("freeze-new"), {"voice": "", "reason": "A complaint."}

    assert client.post(address, wish | {"reason": " "}).status_code == 422
    assert b"Freeze everything?" in client.post(address, wish).content
    assert not Freeze.objects.exists()
    client.post(address, wish | {"confirmed": "yes"})

    assert Freeze.objects.get().voice is None


def test_steward_freezes_one_voice_and_not_everything(
    house: House, as_role: Callable[[Role], Client]
) -> None:
    steward, address = as_role(Role.VOICE_STEWARD), reverse("freeze-new")

    everything = steward.post(address, {"voice": "", "reason": "A complaint.", "confirmed": "yes"})
    steward.post(address, {"voice": house.voice.pk, "reason": "A complaint.", "confirmed": "yes"})

    assert everything.status_code == 422
    assert Freeze.objects.get().voice == house.voice


def test_freeze_made_twice_is_told(house: House, client: Client) -> None:
    house.freeze()

    response = client.post(
        reverse("freeze-new"), {"voice": house.voice.pk, "reason": "Again.", "confirmed": "yes"}
    )

    assert "This is frozen already." in response.content.decode()
    assert Freeze.objects.count() == 1


def test_freeze_is_lifted_after_asking(house: House, client: Client) -> None:
    freeze = house.freeze()
    address = reverse("freeze-lift", args=[freeze.pk])

    assert b"Lift this freeze?" in client.get(address).content
    client.post(address)

    freeze.refresh_from_db()
    assert freeze.lifted_at is not None


def test_health_names_each_part_and_fails_loudly_without_workers(db: None) -> None:
    response = Client().get(reverse("health"))

    assert response.status_code == 503
    assert response.json() == {
        "status": "failing",
        "database": "ok",
        "redis": "ok",
        "workers": "failing",
        "log": "ok",
    }


def test_system_page_says_who_does_not_answer(client: Client) -> None:
    page = client.get(reverse("system")).content.decode()

    assert "PostgreSQL" in page
    assert "nobody listens to default and gpu" in page
