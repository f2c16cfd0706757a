"""A person before the console, in a real browser: what they see, and what the browser complains of."""

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
PATIENCE_MS = 30_000
"""How long a page may take to show something: far more than it does, since a machine may be busy."""
DESK, PHONE = (1280, 900), (390, 844)
_PAGES_MADE = "RATCHET_SCREENSHOTS"


@dataclass
class Visitor:
    """Somebody with a browser. `complaints`: errors on its console, and requests that left for another host."""

    site: Site
    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._asked)

    def sign_in(self, role: Role = "admin", subject: str = "reviewer") -> "Visitor":
        """By a fresh link that an admin made."""
        made = self.site.post("/v1/sign-in-links", {"subject": subject, "role": role}, self.site.admin_key)
        assert made.status_code == 201, made.text
        self.page.goto(self.site.url + made.json()["path"])
        self.page.wait_for_url(self.site.url + "/")
        return self

    def open(self, path: str) -> Response:
        """Goes to a page of the console, and waits for its scripts."""
        answer = self.page.goto(self.site.url + path)
        assert answer is not None
        expect(self.page.locator("h1")).to_be_visible()
        return answer

    def sees(self, text: str) -> None:
        """Waits until the text is on the page; live pages bring it by themselves."""
        expect(self.page.locator("#page")).to_contain_text(text)

    def confirm(self, dialog: str, verb: str, reason: str | None = None) -> None:
        """Fills the open dialog's reason in and presses its button."""
        opened = self.page.locator(f"dialog#{dialog}")
        expect(opened).to_be_visible()
        if reason is not None:
            opened.locator("textarea").fill(reason)
        opened.get_by_role("button", name=verb, exact=True).click()

    def judged(self) -> list[str]:
        """What axe has to say against the page (WCAG 2.2 A and AA, and its good practice), in words."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def scrolls_sideways(self) -> bool:
        wide: bool = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        return wide

    def picture(self, name: str, part: str | None = None) -> None:
        """Keeps a screenshot, of the first such part or of the window, where RATCHET_SCREENSHOTS names a folder."""
        if folder := os.environ.get(_PAGES_MADE):
            moments = self.page.locator("time")
            if moments.count():
                expect(moments.first).not_to_contain_text("UTC")  # in the viewer's own zone by now
            shown = self.page if part is None else self.page.locator(part).first
            shown.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} {message.location.get('url', '')}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.site.url).netloc and not request.url.startswith("data:"):
            self.complaints.append(f"left the host: {request.url}")


@contextmanager
def visiting(
    browser: Browser, site: Site, size: tuple[int, int] = DESK, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Visitor]:
    """A visitor with a browser profile of their own, who has nothing to complain of in the end."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(site, context.new_page())
    try:
        yield visitor
        assert visitor.complaints == [], visitor.complaints
    finally:
        context.close()


def link_of(terminal: str) -> str:
    """The sign-in link that `make run` printed."""
    return next(word for word in terminal.split() if "/sign-in#" in word)


def away(url: str) -> bool:
    """Whether nobody answers there."""
    try:
        httpx.get(url + "/health/live", timeout=2)
    except httpx.HTTPError:
        return True
    return False
