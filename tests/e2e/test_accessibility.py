"""What a machine can tell of WCAG 2.2 AA, on the pages that people work on, in light and in dark."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from audit.roles import Role
from tests.e2e.conftest import NewPage
from tests.e2e.people import carry_session
from tests.portal.house import House
from tests.synthesis.world import LINES

STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {"runOnly": {"type": "tag", "values": STANDARD}, "resultTypes": ["violations"]}
STILL = {"reduced_motion": "reduce"}
PHONE = {"viewport": {"width": 390, "height": 844}}


def violations_on(page: Page) -> Iterator[str]:
    """Each violation with the element it is on, in both colour schemes."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for violation in Axe().run(page, options=OPTIONS).response["violations"]:
            for node in violation["nodes"]:
                reason = " ".join(check["message"] for check in node["any"])
                yield f"{page.url} {scheme} {violation['id']}: {node['html'][:160]} {reason}"


def require_none(violations: list[str]) -> None:
    if violations:
        pytest.fail("\n".join(violations), pytrace=False)


def test_first_page_of_every_role_meets_wcag(house: House, new_page: NewPage, base_url: str) -> None:
    house.consent()
    house.ready_clip()
    house.submitted()
    house.freeze()
    house.leaf()
    page = new_page(**STILL)
    page.goto("/sign-in/")
    found = list(violations_on(page))
    for person in house.everybody().values():
        carry_session(page, person, base_url)
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found += violations_on(page)
    require_none(found)


def test_writing_deciding_and_hearing_meet_wcag(house: House, new_page: NewPage, base_url: str) -> None:
    house.consent()
    clip = house.ready_clip()
    submitted = house.submitted()
    page = new_page(**STILL)

    carry_session(page, house.person_of(Role.REQUESTER), base_url)
    page.goto("/requests/new/")
    page.get_by_role("radio", name="Olga Owner").check()
    page.get_by_label("Purpose").select_option("advertising")
    page.get_by_label("Script").fill("\n".join(LINES))
    expect(page.get_by_text("Outside the consent.")).to_be_visible()
    found = list(violations_on(page))
    page.goto(reverse("request", args=[clip.request_id]))
    expect(page.get_by_role("button", name="Play Line 1")).to_be_visible()
    found += violations_on(page)

    carry_session(page, house.person_of(Role.POLICY_REVIEWER), base_url)
    page.goto(reverse("review", args=[submitted.pk]))
    found += violations_on(page)
    page.get_by_role("radio", name="Approve").check()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Continue to confirmation").click()
    expect(page.get_by_role("heading", name="Approve this script?")).to_be_visible()
    found += violations_on(page)
    require_none(found)


def test_steward_and_auditor_pages_meet_wcag(house: House, new_page: NewPage, base_url: str) -> None:
    consent = house.consent()
    house.leaf()
    report = house.report()
    page = new_page(**STILL)
    found: list[str] = []
    addresses = {
        Role.VOICE_STEWARD: (
            reverse("owner", args=[house.voice.owner_id]),
            reverse("consent", args=[consent.pk]),
            reverse("consent-prepare", args=[house.voice.pk]),
        ),
        Role.AUDITOR: (
            reverse("log"),
            reverse("event", args=[0]),
            reverse("controls"),
            reverse("report", args=[report.pk]),
            reverse("verify"),
        ),
    }
    for role, pages in addresses.items():
        carry_session(page, house.person_of(role), base_url)
        for address in pages:
            page.goto(address)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            found += violations_on(page)
    require_none(found)


def test_owner_pages_behind_the_link_meet_wcag_on_a_phone(house: House, new_page: NewPage) -> None:
    _, token = house.offer
    page = new_page(**PHONE, **STILL)
    found: list[str] = []
    for name in ("signing", "signing-terms", "signing-decline", "signing-sign"):
        page.goto(reverse(name, args=[token]))
        found += violations_on(page)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_label("Your full name, as your signature").fill("Olga Owner")
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_role("heading", name="Signed and sealed")).to_be_visible()
    found += violations_on(page)
    page.get_by_role("link", name="Open it").click()
    expect(page.get_by_role("heading", name="Your voice", exact=True)).to_be_visible()
    found += violations_on(page)
    page.get_by_role("link", name="Withdraw my consent").click()
    expect(page.get_by_role("heading", name="End this consent?")).to_be_visible()
    found += violations_on(page)
    require_none(found)
