"""The README's pictures, taken from a running portal that holds the demo.

.venv/bin/python scripts/pictures.py [http://127.0.0.1:8000]
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
PASSWORD = "viva-voce-demo"  # noqa: S105 - the demo is served on loopback only
ROLES = {
    "requester": "mira",
    "policy_reviewer": "priya",
    "legal_reviewer": "daniel",
    "security_reviewer": "hana",
    "voice_steward": "lucia",
    "voice_owner": "elin",
    "auditor": "theo",
    "administrator": "sam",
}


def signed_in(browser: Browser, site: str, login: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{site}/sign-in/")
    page.get_by_label("E-mail").fill(f"{login}@northlight.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "sign-in" not in address)
    return page


def take(page: Page, name: str, *, whole: bool = False) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png", full_page=whole)


def take_all(browser: Browser, site: str) -> None:
    pages = {role: signed_in(browser, site, login) for role, login in ROLES.items()}
    for role, page in pages.items():
        take(page, f"home-{role}")
    requester, reviewer, steward = pages["requester"], pages["legal_reviewer"], pages["voice_steward"]
    take(pages["auditor"], "audit")
    requester.get_by_role("link", name="Welcome messages for the harbour museum app").first.click()
    take(requester, "request")
    requester.goto(f"{site}/requests/")
    requester.get_by_role("link", name="Spring campaign teaser").first.click()
    requester.get_by_role("link", name="Edit").first.click()
    requester.wait_for_timeout(1500)  # the live check answers
    take(requester, "request-form")
    reviewer.get_by_role("link", name="Winter opening hours").first.click()
    take(reviewer, "review")
    steward.get_by_role("link", name="Elin Dahl").first.click()
    take(steward, "owner")
    sign_page(browser, site, steward)
    report_page(pages["auditor"], site)


def sign_page(browser: Browser, site: str, steward: Page) -> None:
    """Offer Marcus's consent anew: the link is shown once, and the owner opens it on a phone."""
    steward.goto(site)
    steward.get_by_role("link", name="Marcus Reid").first.click()
    steward.get_by_role("link", name="Version 1").first.click()
    steward.get_by_role("button", name="new link").click()
    address = steward.locator("input[readonly]").first.input_value()
    owner = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
    owner.goto(address)
    take(owner, "sign")


def report_page(auditor: Page, site: str) -> None:
    """The first page of a report, drawn from its PDF."""
    auditor.goto(f"{site}/reports/")
    auditor.locator("main td a[href*='/reports/']").first.click()
    with auditor.expect_download() as download:
        auditor.get_by_role("link", name="Download the PDF").click()
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "report.pdf"
        download.value.save_as(pdf)
        first = ["-f", "1", "-l", "1", "-singlefile"]
        subprocess.run(["pdftoppm", "-png", "-r", "60", *first, pdf, IMAGES / "report"], check=True)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        take_all(browser, sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
        browser.close()


if __name__ == "__main__":
    main()
