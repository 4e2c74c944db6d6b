"""How people come in: through the form, or with a session they already have."""

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from audit.models import Person
from tests.conftest import PASSWORD


def give_password(person: Person) -> Person:
    person.set_password(PASSWORD)
    person.save(update_fields=["password"])
    return person


def sign_in(page: Page, email: str) -> None:
    """Through the form, from whatever address asked for it."""
    page.goto("/sign-in/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def carry_session(page: Page, person: Person, base_url: str) -> None:
    """The browser holds a session of ``person``, as after an earlier sign-in."""
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.clear_cookies()
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": base_url}])
