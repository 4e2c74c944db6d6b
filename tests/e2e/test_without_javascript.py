"""The portal is pages and forms; JavaScript only adds to them."""

import re

from playwright.sync_api import expect

from audit.roles import Role
from synthesis.models import Decision, SpeechRequest
from tests.e2e.conftest import NewPage
from tests.e2e.people import give_password, sign_in
from tests.portal.house import House
from tests.synthesis.world import LINES


def test_request_is_written_submitted_and_decided_without_javascript(house: House, new_page: NewPage) -> None:
    house.consent()
    requester = give_password(house.person_of(Role.REQUESTER))
    reviewer = give_password(house.person_of(Role.POLICY_REVIEWER))

    page = new_page(java_script_enabled=False)
    sign_in(page, requester.email)
    page.get_by_role("link", name="New request").first.click()
    page.get_by_role("radio", name="Olga Owner").check()
    page.get_by_label("Title").fill("Line closed")
    page.get_by_label("Purpose").select_option("customer_service")
    page.get_by_label("Where it is heard").select_option("phone")
    page.get_by_label("Territory").select_option("PT")
    page.get_by_label("Language").select_option("en")
    page.get_by_label("Script").fill("\n".join(LINES))
    page.get_by_role("button", name="Save and submit").click()
    expect(page.get_by_text("is with the policy reviewers now")).to_be_visible()
    for line in LINES:
        expect(page.get_by_text(line)).to_be_visible()

    page = new_page(java_script_enabled=False)
    sign_in(page, reviewer.email)
    page.get_by_role("link", name="Line closed").click()
    page.get_by_role("radio", name="Approve").check()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Continue to confirmation").click()
    expect(page.get_by_role("heading", name="Approve this script?")).to_be_visible()
    assert not Decision.objects.exists()
    page.get_by_role("button", name="Sign the approval").click()
    expect(page.get_by_text(re.compile("recorded and signed"))).to_be_visible()

    assert Decision.objects.get().verdict == Decision.Verdict.APPROVE
    assert SpeechRequest.objects.get().status == SpeechRequest.Status.IN_REVIEW
