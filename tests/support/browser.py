"""A person using the console in a real browser, with the errors that the browser reports."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect

from tests.support.full_loop import Site

Role = Literal["viewer", "operator", "reviewer", "admin"]
PATIENCE_MS = 60_000
"""Timeout for a page to show something, long enough for a busy machine."""
DESKTOP, PHONE = (1280, 900), (390, 844)
_SCREENSHOT_FOLDER = "RATCHET_SCREENSHOTS"
_WAIT_FOR_ANIMATIONS = """() => Promise.all(document.getAnimations()
    .filter((it) => it.effect.getComputedTiming().endTime !== Infinity).map((it) => it.finished))"""


@dataclass
class Visitor:
    """A browser page. `complaints`: errors on its console, and requests to other hosts."""

    site: Site
    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._on_request)

    def sign_in(self, role: Role = "admin", subject: str = "reviewer") -> "Visitor":
        """Sign in with a new link of an admin."""
        made = self.site.post("/v1/sign-in-links", {"subject": subject, "role": role}, self.site.admin_key)
        assert made.status_code == 201, made.text
        self.page.goto(self.site.url + made.json()["path"])
        self.page.wait_for_url(self.site.url + "/")
        return self

    def open(self, path: str) -> Response:
        """Open a page of the console, and wait until it is shown."""
        answer = self.page.goto(self.site.url + path)
        assert answer is not None
        expect(self.page.locator("h1")).to_be_visible()
        return answer

    def expect_text(self, text: str) -> None:
        """Wait until the text is on the page; open pages refresh themselves."""
        expect(self.page.locator("#page")).to_contain_text(text)

    def confirm(self, dialog: str, verb: str, reason: str | None = None) -> None:
        """Fill in the reason of the open dialog and click its button."""
        opened = self.page.locator(f"dialog#{dialog}")
        expect(opened).to_be_visible()
        if reason is not None:
            opened.locator("textarea").fill(reason)
        opened.get_by_role("button", name=verb, exact=True).click()

    def accessibility_violations(self) -> list[str]:
        """Return axe's violations on the page (WCAG 2.2 A and AA, and best practices).

        Waits for animations that end: a dialog that still fades in has less contrast than it will have.
        """
        self.page.evaluate(_WAIT_FOR_ANIMATIONS)
        found = Axe().run(self.page).response["violations"]
        return [f"{violation['id']}: {node['html'][:200]}" for violation in found for node in violation["nodes"]]

    def scrolls_sideways(self) -> bool:
        """Return whether the page is wider than the window."""
        wide: bool = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        return wide

    def screenshot_to_folder(self, name: str, part: str | None = None) -> None:
        """Save a screenshot of the window, or of the first such part, if RATCHET_SCREENSHOTS names a folder."""
        if folder := os.environ.get(_SCREENSHOT_FOLDER):
            moments = self.page.locator("time")
            if moments.count():
                expect(moments.first).not_to_contain_text("UTC")  # in the viewer's own zone by now
            shown = self.page if part is None else self.page.locator(part).first
            shown.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} {message.location.get('url', '')}")

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.site.url).netloc and not request.url.startswith("data:"):
            self.complaints.append(f"left the host: {request.url}")


@contextmanager
def browse(
    browser: Browser, site: Site, size: tuple[int, int] = DESKTOP, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Visitor]:
    """Open a page in a browser profile of its own, and check at the end that there are no complaints."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(site, context.new_page())
    try:
        yield visitor
        assert visitor.complaints == [], visitor.complaints
    finally:
        context.close()


def link_of(terminal: str) -> str:
    """Return the sign-in link that `make run` printed."""
    return next(word for word in terminal.split() if "/sign-in#" in word)


def is_unreachable(url: str) -> bool:
    """Return whether the server does not respond."""
    try:
        httpx.get(url + "/health/live", timeout=2)
    except httpx.HTTPError:
        return True
    return False
