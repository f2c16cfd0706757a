"""All pages with much data: accessible (WCAG), no horizontal scrolling, no injected script runs, and small."""

import gzip
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.browser import DESKTOP, PHONE, Visitor, browse
from tests.support.full_loop import Site
from tests.support.hostile_site import MAIL_BOT, REPLY, fill
from tests.support.local import LocalRunner

pytestmark = pytest.mark.postgres
_MAX_BYTES = 150_000
_REFRESH = """() => {
    document.addEventListener("htmx:finally:request", () => (window.refreshed = true));
    htmx.trigger(document.getElementById("page"), "refresh");
}"""


@pytest.fixture(scope="module")
def site_with_data(runner: LocalRunner, site: Site) -> Site:
    fill(site, runner)
    return site


def pages(site: Site) -> Iterator[str]:
    """Yield the path of every page, each with data."""
    [regression, *_] = site.items("/v1/regressions")
    versions = site.items(f"/v1/prompts/{REPLY}/versions")
    proposals: dict[str, Any] = {item["kind"]: item["id"] for item in site.items("/v1/proposals")}
    yield from ("/", "/regressions", f"/regressions/{regression['id']}", "/proposals", "/proposals?state=rejected")
    yield from (f"/proposals/{proposals[kind]}" for kind in sorted(proposals))
    yield from execution_pages(site)
    yield from ("/prompts", f"/prompts/{REPLY}", "/prompts/answer", f"/prompts/{REPLY}/edit")
    yield f"/prompts/{REPLY}/compare?a={versions[1]['digest']}&b={versions[0]['digest']}"
    yield from (
        "/few-shots",
        "/datasets",
        "/datasets/mail",
        "/datasets/mail?state=rejected",
        "/datasets/mail/propose",
        "/annotation",
        "/annotation/mail",
        *corrections(site),
        "/annotation/mail/results",
        "/annotation/mail/results?state=agreed",
        "/judges",
        "/quality",
        "/topics",
        "/topics/dead-letters?service=analyzer",
        "/audit",
        "/audit/verify",
        "/people",
    )
    yield from ("/start", "/start?target=my-bot")


def corrections(site: Site) -> list[str]:
    """Return the page on which an annotator corrects the last answers, if there are any of the viewer."""
    own = site.items("/v1/annotation-queues/mail/corrections")
    return [f"/annotation/mail?correct={item['id']}" for item in own[:1]]


def execution_pages(site: Site) -> Iterator[str]:
    """Yield the list, with filters and with a wrong one, the hostile execution and its trace."""
    yield from ("/executions", f"/executions?q=mail&feedback=rating&target={MAIL_BOT}", "/executions?min=1")
    yield from ("/executions/hostile%2Froot", "/traces/hostile%2Ftrace")


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light")], ids=["light", "dark", "phone"]
)
def test_every_page_is_accessible(
    browser: Browser,
    site_with_data: Site,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
    request: pytest.FixtureRequest,
) -> None:
    with browse(browser, site_with_data, size, scheme) as visitor:
        visitor.sign_in()
        for number, path in enumerate(pages(site_with_data)):
            assert visitor.open(path).status == 200, path
            visitor.page.wait_for_load_state("load")
            visitor.screenshot_to_folder(f"all-{number:02}-{request.node.callspec.id}")
            assert visitor.accessibility_violations() == [], path
            assert not visitor.scrolls_sideways(), path
            assert visitor.page.evaluate("window.hit") is None, f"an injected script ran on {path}"
            assert visitor.page.locator("#page script, #page img[src=x]").count() == 0, path


def test_pages_are_small_and_load_nothing_from_other_hosts(visitor: Visitor, site_with_data: Site) -> None:
    """Measure everything that a browser without a cache loads for a page, compressed as transferred."""
    visitor.sign_in()
    [regression, *_] = site_with_data.items("/v1/regressions")
    for path in ("/", f"/regressions/{regression['id']}", "/proposals"):
        assert _page_bytes(visitor, path) < _MAX_BYTES


def _page_bytes(visitor: Visitor, path: str) -> int:
    visitor.open(path)
    visitor.page.wait_for_load_state("load")
    addresses: list[str] = visitor.page.evaluate("performance.getEntriesByType('resource').map((it) => it.name)")
    urls = [visitor.site.url + path, *(address for address in addresses if not address.endswith("/events"))]
    responses = [visitor.page.request.get(address) for address in urls]
    assert all(answer.ok for answer in responses)
    return sum(len(gzip.compress(answer.body(), 6)) for answer in responses)


def test_dialogs_are_accessible(visitor: Visitor, site_with_data: Site) -> None:
    visitor.sign_in()
    restore = next(item for item in site_with_data.items("/v1/proposals") if item["kind"] == "restore")
    visitor.open(f"/proposals/{restore['id']}")
    for key, dialog in (("a", "approve"), ("r", "reject"), ("?", "keys")):
        visitor.page.keyboard.press(key)
        visitor.page.locator(f"dialog#{dialog}").wait_for()
        assert visitor.accessibility_violations() == [], dialog
        visitor.page.keyboard.press("Escape")
        visitor.page.locator(f"dialog#{dialog}").wait_for(state="hidden")


def test_dialogs_of_annotation_are_accessible(visitor: Visitor, site_with_data: Site) -> None:
    """Decide, propose a case, and add an execution to a queue."""
    visitor.sign_in("reviewer", "expert")
    opened = (
        ("/annotation/mail/results", "Decide…"),
        ("/annotation/mail/results?state=agreed", "Propose as a case…"),
        ("/executions/hostile%2Froot", "Add to an annotation queue…"),
    )
    for number, (path, verb) in enumerate(opened):
        visitor.open(path)
        visitor.page.get_by_role("button", name=verb).first.click()
        visitor.page.locator("dialog[open]").wait_for()
        visitor.screenshot_to_folder(f"annotation-dialog-{number}")
        assert visitor.accessibility_violations() == [], path


def test_a_dialog_stays_open_when_an_earlier_refresh_arrives(visitor: Visitor, site_with_data: Site) -> None:
    visitor.sign_in()
    restore = next(item for item in site_with_data.items("/v1/proposals") if item["kind"] == "restore")
    visitor.open(f"/proposals/{restore['id']}")
    with visitor.page.expect_request("**/proposals/*") as requested:
        held: list[Route] = []
        visitor.page.route("**/proposals/*", lambda route: held.append(route))
        visitor.page.evaluate(_REFRESH)
    assert requested.value.headers["hx-request"] == "true"
    visitor.page.keyboard.press("r")
    visitor.page.locator("dialog#reject textarea").fill("It reads worse")
    refresh, *_ = held  # the page may ask again for an event that came late
    response = refresh.fetch()
    refresh.fulfill(response=response, body=response.text().replace('id="reject"', 'id="another"'))
    visitor.page.wait_for_function("window.refreshed")
    expect(visitor.page.locator("dialog#reject")).to_be_visible()
    expect(visitor.page.locator("dialog#reject textarea")).to_have_value("It reads worse")


def test_lists_are_navigated_by_keyboard(visitor: Visitor, site_with_data: Site) -> None:
    visitor.sign_in()
    visitor.open("/proposals")
    hrefs = [link.get_attribute("href") for link in visitor.page.locator("a.row").all()]
    assert len(hrefs) >= 3
    for pressed, focused in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        visitor.page.keyboard.press(pressed)
        assert visitor.page.evaluate("document.activeElement.getAttribute('href')") == hrefs[focused]
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url(f"**{hrefs[1]}")
