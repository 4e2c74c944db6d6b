"""Without a pointer: everything is reached, and nothing grave happens at one key."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from audit.roles import Role
from synthesis.models import Decision
from tests.conftest import PASSWORD
from tests.e2e.people import carry_session, give_password
from tests.portal.house import House

SINGLE_KEYS = ("Enter", "Space", "a", "y", "A", "Y", "1", "Escape")
# More stops than any page has before its main button.
MANY = 60


def test_sign_in_needs_the_keyboard_alone(house: House, page: Page) -> None:
    person = give_password(house.person_of(Role.REQUESTER))
    page.goto("/sign-in/")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(person.email)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="My requests")).to_be_visible()

    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New request").first).to_be_focused()


def test_no_single_key_approves(house: House, page: Page, base_url: str) -> None:
    house.consent()
    wanted = house.submitted()
    carry_session(page, house.person_of(Role.POLICY_REVIEWER), base_url)
    address = reverse("review", args=[wanted.pk])
    for key in SINGLE_KEYS:
        page.goto(address)
        page.keyboard.press(key)
        expect(page.get_by_role("radio", name="Approve")).not_to_be_checked()

    decide_by_keyboard(page)
    for key in SINGLE_KEYS:
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name="Approve this script?")).to_be_visible()
    assert not Decision.objects.exists()

    tab_to(page, "Sign the approval")
    page.keyboard.press("Enter")
    expect(page.get_by_text("recorded and signed")).to_be_visible()
    assert Decision.objects.get().verdict == Decision.Verdict.APPROVE


def decide_by_keyboard(page: Page) -> None:
    """Choose, tick and continue, from the top of the page."""
    tab_to(page, "Request changes", "Approve", "Reject")
    page.keyboard.press("Space")
    approve = page.get_by_role("radio", name="Approve")
    for _ in range(3):
        if approve.is_checked():
            break
        page.keyboard.press("ArrowDown")
    expect(approve).to_be_checked()
    for box in page.get_by_role("checkbox").all():
        page.keyboard.press("Tab")
        expect(box).to_be_focused()
        page.keyboard.press("Space")
        expect(box).to_be_checked()
    tab_to(page, "Continue to confirmation")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Approve this script?")).to_be_visible()


def tab_to(page: Page, *labels: str) -> None:
    """Press Tab until what has the focus is called one of ``labels``."""
    name = "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
    for _ in range(MANY):
        page.keyboard.press("Tab")
        if page.evaluate(name) in labels:
            return
    pytest.fail(f"Tab does not reach {labels}")
