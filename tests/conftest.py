"""A real browser for the tests of pages: the system's Chromium, driven by Playwright.

chromium      the browser, for the whole session; the test is skipped, with the reason, where there is none
page          a fresh page that fails its test on any CSP violation, page error or console error
serve_page    serve_page(html, csp) -> address of that page on an origin of its own
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from audit.append.store import AuditStore
from tests.app.browser.service import running
from tests.support.sharing import cost_of, unit_of

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

AuditStore.strict = True  # an event that does not fit its kind fails the test that appended it


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the tests out, the longest units begin first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: -cost_of(unit_of(item.nodeid)))  # stable: a unit's own order stays


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Each unit runs in one process: what shares a service starts it once (tests/support/sharing.py)."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    config.option.loadscopereorder = False  # it would begin with the units of most tests, which are quick ones
    return Units(config, log)


def find_chromium() -> str | None:
    return os.environ.get("COUNTERSIGN_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: test)")
    path = find_chromium()
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is on PATH and COUNTERSIGN_CHROMIUM is not set")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 900, "height": 800})
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))

    def hear(line: Any) -> None:
        # A refused or failing HTTP answer is logged by the browser itself and is some tests' very subject.
        if line.type in ("error", "warning") and not line.text.startswith("Failed to load resource"):
            complaints.append(line.text)

    page.on("console", hear)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def serve_page() -> Iterator[Callable[[str, str], str]]:
    with ExitStack() as stack:

        def serve(html: str, csp: str) -> str:
            class Page(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    found = self.path == "/"
                    self.send_response(200 if found else 204)
                    self.send_header("Content-Type", "text/html; charset=utf-8")
                    self.send_header("Content-Security-Policy", csp)
                    self.end_headers()
                    if found:
                        self.wfile.write(html.encode())

                def log_message(self, format: str, *args: object) -> None:
                    """Quiet."""

            return stack.enter_context(running(Page)) + "/"

        yield serve
