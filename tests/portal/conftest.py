from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Person
from audit.roles import Role
from tests.portal.house import House

PLAIN_STATIC_FILES = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


@pytest.fixture(autouse=True)
def unhashed_static_files(settings: pytest.FixtureRequest) -> None:
    """Pages name static files as they are, so that no collectstatic has to run before."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": PLAIN_STATIC_FILES}


@pytest.fixture
def now() -> datetime:
    """Pages read the real clock, so what they meet is made by it."""
    return timezone.now()


@pytest.fixture
def house(db: None, now: datetime) -> House:
    return House(now)


@pytest.fixture
def sign_in() -> Callable[[Person], Client]:
    def signed_in(person: Person) -> Client:
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in


@pytest.fixture
def as_role(house: House, sign_in: Callable[[Person], Client]) -> Callable[[Role], Client]:
    """A browser in which the usual person of a role is signed in."""
    return lambda role: sign_in(house.person_of(role))
