"""The whole chain by clicking: from a voice owner's recordings to clips, an audit report and a withdrawal.

Server, workers, engine, database and browser are the real ones. The one shortcut is the voice model: it ships
with the portal, since learning a voice takes minutes.
"""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Download, Locator, Page, expect

from audit.actors import Actor
from audit.log import integrate_pending
from audit.people import create_person
from audit.roles import Role
from consent.models import Voice
from portal.demo.model import RECORDINGS, demo_voice_model
from synthesis.approvals import ACKNOWLEDGEMENTS
from synthesis.enrolment import import_voice_model
from synthesis.models import Render
from tests.conftest import PASSWORD
from tests.e2e.conftest import NewPage
from tests.e2e.people import sign_in

SYSTEM = Actor.system("tests")
PEOPLE = {
    Role.VOICE_STEWARD: "Stefan Steward",
    Role.REQUESTER: "Rita Requester",
    Role.POLICY_REVIEWER: "Paul Policy",
    Role.LEGAL_REVIEWER: "Lena Legal",
    Role.AUDITOR: "Anna Auditor",
}
OWNER = "Olga Owner"
LINES = [
    "Welcome to the harbour museum. Your tour begins at the old lighthouse.",
    "Please keep your headphones on, and follow the blue line on the floor.",
]
TITLE = "Museum tour"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# A worker loads its models first, on a machine that others use too.
WORKER_MS = 180_000


def address_of(role: Role) -> str:
    return f"{role.value}@example.org"


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def as_role(transactional_db: None, now: datetime, new_page: NewPage) -> Callable[[Role], Page]:
    """Signs the person of a role in by the form, in a browser of their own."""
    for role, name in PEOPLE.items():
        create_person(
            email=address_of(role), full_name=name, roles=[role], password=PASSWORD, actor=SYSTEM, now=now
        )

    def entered(role: Role) -> Page:
        page = new_page()
        sign_in(page, address_of(role))
        expect(page.get_by_text(PEOPLE[role])).to_be_visible()
        return page

    return entered


def test_voice_speaks_as_consented_until_its_owner_withdraws(
    as_role: Callable[[Role], Page],
    new_page: NewPage,
    start_worker: Callable[..., Any],
    children_share_the_database: None,
    complaints: list[str],
) -> None:
    start_worker("default")
    steward = as_role(Role.VOICE_STEWARD)
    create_owner_with_recordings(steward)
    link = offer_consent(steward)

    owner = new_page(**PHONE)
    manage_link = sign_on_the_phone(owner, link)
    import_the_model(Voice.objects.get())
    open_voice_to_requester(steward)

    requester = as_role(Role.REQUESTER)
    submit_script(requester)
    approve(as_role(Role.POLICY_REVIEWER))
    approve(as_role(Role.LEGAL_REVIEWER))

    watch_lines_become_ready(requester, start_worker)
    play(requester)
    clip = download_clip(requester)

    auditor = as_role(Role.AUDITOR)
    recognise(auditor, clip)
    read_the_log(auditor)
    make_report(auditor)

    withdraw(owner, manage_link)
    assert not complaints, complaints
    hear_no_more(requester)
    # The refused clip is the one thing a browser may complain of.
    assert len(complaints) == 1, complaints
    assert re.search(r"status of 4\d\d", complaints.pop())


def create_owner_with_recordings(page: Page) -> None:
    page.get_by_role("link", name="New owner").first.click()
    page.get_by_label("Full name").fill(OWNER)
    page.get_by_label("E-mail address").fill("olga@example.org")
    page.get_by_label("Country").select_option("PT")
    page.get_by_label("Language of the voice").select_option("en")
    page.get_by_label("Time zone").select_option("Europe/Lisbon")
    page.get_by_role("button", name="Create owner").click()
    page.get_by_label("Recordings").set_input_files(sorted(RECORDINGS.glob("*.flac"))[:4])
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("is taken in and being listened to")).to_have_count(4)
    # The page asks again by itself while the worker listens.
    recordings = page.get_by_role("table").first
    expect(recordings.get_by_text("Accepted", exact=True)).to_have_count(4, timeout=WORKER_MS)


def offer_consent(page: Page) -> str:
    """Prepare and offer; returns the link, which the steward's page shows this once."""
    page.get_by_role("link", name="Prepare consent").click()
    for label in ("Training and learning", "Apps", "English", "European Union", "Politics and elections"):
        page.get_by_role("checkbox", name=label, exact=True).check()
    page.get_by_role("button", name="Save draft").click()
    page.get_by_role("button", name="Offer to the owner").click()
    link = page.get_by_label("Link for the owner")
    expect(link).to_have_value(re.compile("^http://.*/c/"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link.input_value()
    return link.input_value()


def sign_on_the_phone(page: Page, link: str) -> str:
    """The owner's three steps and the copy; returns the permanent link."""
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_contain_text("asks for the use of your voice")
    require_no_sideways_scrolling(page)
    page.get_by_role("link", name="Read what it means").click()
    expect(page.get_by_text("line-01.flac")).to_be_visible()
    require_no_sideways_scrolling(page)
    page.get_by_role("link", name="Go on to signing").click()
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(3)
    for box in boxes.all():
        expect(box).not_to_be_checked()
        box.check()
    page.get_by_label("Your full name, as your signature").fill(OWNER)
    require_no_sideways_scrolling(page)
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_role("heading", name="Signed and sealed")).to_be_visible()
    require_no_sideways_scrolling(page)
    copy = downloaded(page, page.get_by_role("link", name="Download the PDF"))
    assert copy.path().read_bytes().startswith(b"%PDF-")
    return page.get_by_label("Your permanent link").input_value()


def import_the_model(voice: Voice) -> None:
    import_voice_model(
        voice=voice,
        data=demo_voice_model(),
        engine=settings.DEFAULT_ENGINE,
        actor=SYSTEM,
        now=timezone.now(),
    )


def open_voice_to_requester(page: Page) -> None:
    page.get_by_role("link", name="Voice owners").first.click()
    page.get_by_role("link", name=OWNER).click()
    page.get_by_label("Person").select_option(label=PEOPLE[Role.REQUESTER])
    page.get_by_role("button", name="Open to them").click()
    expect(page.get_by_text(f"{PEOPLE[Role.REQUESTER]} may ask for speech")).to_be_visible()


def submit_script(page: Page) -> None:
    """The check beside the form follows what is chosen, before anything is sent."""
    page.get_by_role("link", name="New request").first.click()
    page.get_by_role("radio", name=OWNER).check()
    page.get_by_label("Script").fill("\n".join(LINES))
    purpose, check = page.get_by_label("Purpose"), page.get_by_label("Check against the consent")
    purpose.select_option("advertising")
    # The form is far from complete, and the check speaks already.
    expect(check.get_by_text("Outside the consent.")).to_be_visible()
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("Where it is heard").select_option("app")
    page.get_by_label("Territory").select_option("PT")
    page.get_by_label("Language").select_option("en")
    expect(check.get_by_text("Outside the consent.")).to_be_visible()
    purpose.select_option("training")
    expect(check.get_by_text("Within the consent.")).to_be_visible()
    page.get_by_role("button", name="Save and submit").click()
    expect(page.get_by_text("is with the policy reviewers now")).to_be_visible()


def approve(page: Page) -> None:
    page.get_by_role("link", name=TITLE).click()
    for line in LINES:
        expect(page.get_by_text(line)).to_be_visible()
    page.get_by_role("radio", name="Approve").check()
    for sentence in ACKNOWLEDGEMENTS.values():
        page.get_by_role("checkbox", name=sentence).check()
    page.get_by_role("button", name="Continue to confirmation").click()
    expect(page.get_by_role("heading", name="Approve this script?")).to_be_visible()
    page.get_by_role("button", name="Sign the approval").click()
    expect(page.get_by_text("recorded and signed")).to_be_visible()


def watch_lines_become_ready(page: Page, start_worker: Callable[..., Any]) -> None:
    """The open page tells by itself what the worker does; it is not loaded again."""
    page.reload()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    page.evaluate("window.sameDocument = true")
    start_worker("gpu")
    expect(page.get_by_role("button", name=re.compile("^Play Line"))).to_have_count(2, timeout=WORKER_MS)
    assert page.evaluate("window.sameDocument")
    assert set(Render.objects.values_list("status", flat=True)) == {Render.Status.READY}


def play(page: Page) -> None:
    page.get_by_role("button", name="Play Line 1").click()
    # The page's policy forbids eval, so that wait_for_function would be refused.
    expect(page.locator("audio").first).not_to_have_js_property("currentTime", 0)


def download_clip(page: Page) -> Path:
    clip = downloaded(page, page.get_by_role("link", name="Download").first)
    assert clip.suggested_filename.endswith("-line-001.flac")
    assert clip.path().read_bytes().startswith(b"fLaC")
    return clip.path()


def recognise(page: Page, clip: Path) -> None:
    """The watermark of a file leads back to the line that was approved."""
    page.get_by_role("link", name="Check a clip").first.click()
    upload = {"name": "found.flac", "mimeType": "audio/flac", "buffer": clip.read_bytes()}
    page.get_by_label("Audio file").set_input_files(upload)
    page.get_by_role("button", name="Examine").click(timeout=WORKER_MS)
    expect(page.get_by_role("heading", name="This clip is ours")).to_be_visible()
    expect(page.get_by_text(LINES[0])).to_be_visible()


def read_the_log(page: Page) -> None:
    integrate_pending()
    page.get_by_role("link", name="Event log").first.click()
    for action in ("clip.downloaded", "clip.played", "render.ready", "request.approved", "consent.signed"):
        page.get_by_label("Action").fill(action)
        expect(page.get_by_role("table").get_by_text(action, exact=True).first).to_be_visible()


def make_report(page: Page) -> None:
    page.get_by_role("link", name="Reports").first.click()
    page.get_by_role("button", name="Make the report").click()
    link = page.get_by_role("link", name="Download the PDF")
    expect(link).to_be_visible(timeout=WORKER_MS)
    report = downloaded(page, link).path().read_bytes()
    assert report.startswith(b"%PDF-")
    assert len(report) > 50_000


def withdraw(page: Page, manage_link: str) -> None:
    page.goto(manage_link)
    expect(page.get_by_text(LINES[0])).to_be_visible()
    page.get_by_role("link", name="Withdraw my consent").click()
    page.get_by_role("button", name="Withdraw my consent").click()
    expect(page.get_by_role("heading", name=re.compile("Receipt"))).to_be_visible()
    require_no_sideways_scrolling(page)


def hear_no_more(page: Page) -> None:
    """Neither from a page that was open before the withdrawal, nor from the page as it is now."""
    page.get_by_role("button", name="Play Line 2").click()
    expect(page.get_by_text("Not available")).to_be_visible()
    page.reload()
    expect(page.get_by_text(LINES[0])).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Play"))).to_have_count(0)
    expect(page.get_by_role("link", name="Download")).to_have_count(0)


def downloaded(page: Page, link: Locator) -> Download:
    with page.expect_download(timeout=WORKER_MS) as download:
        link.click()
    return download.value


def require_no_sideways_scrolling(page: Page) -> None:
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room, f"{page.url} is {wide} px wide in {room} px"
