"""A real browser on a real server: Debian's chromium through Playwright."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.portal.conftest import unhashed_static_files
from tests.portal.house import House

__all__ = ["unhashed_static_files"]

# Playwright's synchronous interface runs an event loop in the test's thread; Django must not mind.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
expect.set_options(timeout=30_000)

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NewPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    """The browser's path. Without one nothing of this folder can be checked: CI fails, a laptop is told."""
    if CHROMIUM:
        return CHROMIUM
    message = "NO BROWSER: the browser tests were NOT run. Install Debian's chromium or set CHROMIUM."
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": chromium, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def base_url(live_server: LiveServer) -> str:
    """What addresses in the tests begin from: ``page.goto("/requests/")``."""
    return live_server.url


@pytest.fixture
def house(transactional_db: None) -> House:
    """People and a voice, visible to the server because everything is committed."""
    return House(timezone.now())


@pytest.fixture
def children_share_the_database(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that the server starts work on the test database too."""
    database = connection.settings_dict
    monkeypatch.setenv(
        "DATABASE_URL", f"postgresql://{database['USER']}:@/{database['NAME']}?host={database['HOST']}"
    )


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser complained of (script errors, refused content, missing files); empty at the end."""
    seen: list[str] = []
    yield seen
    assert not seen, seen


@pytest.fixture
def new_page(new_context: Callable[..., BrowserContext], complaints: list[str]) -> NewPage:
    """Opens a page in a browser profile of its own, one a person; arguments are those of a context."""

    def told(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text} ({message.location['url']})")

    def opened(**profile: Any) -> Page:
        context = new_context(**profile)
        context.set_default_timeout(60_000)
        context.on("weberror", lambda error: complaints.append(f"script error: {error.error}"))
        context.on("console", told)
        return context.new_page()

    return opened


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """The one page of a test in which only one person acts."""
    return new_page()
