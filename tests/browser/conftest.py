"""A real browser against the whole house running as processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.stack import Stack, make_stack

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
AXE = Axe()
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Chromium reports the answer of a refused form as a console error; the page itself is fine.
EXPECTED_STATUS = ("status of 422", "status of 402")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The house as processes."""
    stack = make_stack("browser", tmp_path_factory.mktemp("browser"))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def passwords(stack: Stack) -> dict[str, str]:
    """Fill the demo company; the passwords of its people by e-mail."""
    return stack.seed()


# Not for the session: while Playwright runs, Django takes the thread for an asynchronous one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        )  # fmt: skip
        yield chromium
        chromium.close()


@dataclass
class Visitor:
    """A person with a browser: notes everything a customer should never cause or see."""

    stack: Stack
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    visited: set[str] = field(default_factory=set)
    expected: list[str] = field(default_factory=lambda: list(EXPECTED_STATUS))

    def go(self, path: str) -> None:
        address = path if path.startswith("http") else self.stack.site + path
        answer = self.page.goto(address)
        assert answer is not None
        assert answer.status < 400, f"{address}: {answer.status}"

    def check(self, name: str, *, best_practice: bool = True, idle: bool = True) -> None:
        """Hold the page as it is now against axe, and against sideways scrolling.

        `idle` waits until half a second has passed without a request.
        """
        rules = {"runOnly": [*WCAG, "best-practice"] if best_practice else WCAG}
        self.page.wait_for_load_state("networkidle" if idle else "load")
        self.visited.add(name)
        found = AXE.run(self.page, options=rules).response["violations"]
        self.complaints += [
            f"{name}: {each['id']}: {each['nodes'][0]['html'][:160]}" for each in found
        ]
        wide = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        if wide:
            self.complaints.append(f"{name}: scrolls sideways")

    def note(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type in ("error", "warning") and not any(s in text for s in self.expected):
            self.complaints.append(f"console: {text}")


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Callable[..., Visitor]]:
    """Open a browser window; at the end nothing may have been complained about."""
    visitors: list[Visitor] = []
    hosts = {urlsplit(url).netloc for url in (stack.site, stack.backoffice, stack.stripe)}

    def open_window(**options: Any) -> Visitor:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        context.set_default_timeout(15_000)
        visitor = Visitor(stack, context, context.new_page())

        def watch(request: Any) -> None:
            parts = urlsplit(request.url)
            if parts.scheme in ("http", "https", "ws") and parts.netloc not in hosts:
                visitor.complaints.append(f"request to another host: {request.url}")
            if parts.path == "/csp-report/":
                visitor.complaints.append(f"CSP report: {request.post_data}")

        context.on("request", watch)
        context.on("console", visitor.note)
        context.on("weberror", lambda error: visitor.complaints.append(f"script: {error.error}"))
        visitors.append(visitor)
        return visitor

    yield open_window
    complaints = [each for visitor in visitors for each in visitor.complaints]
    for visitor in visitors:
        visitor.context.close()
    assert complaints == []
