"""`<ratchet-thumbs>` on a page of another origin: a click becomes feedback, if the key lists the page's origin."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import PATIENCE_MS
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.full_loop import Site
from tests.support.sdk_js import build

pytestmark = pytest.mark.postgres

_PAGE = """<!doctype html><html lang="en"><title>Shop</title>
<script type="module" src="thumbs.min.js"></script>
<ratchet-thumbs url="{url}" key="{key}" execution="{execution}" user="ann"></ratchet-thumbs></html>"""

_REFUSAL = """async ([url, key]) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const answer = await fetch(`${url}/v1/feedback`, { method: "POST", headers, body: "{}" });
    return [answer.status, (await answer.json()).code];
}"""
"""What a page can read of the refusal of a key."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """A static file server that writes no log."""

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The origin of a site that is not Ratchet's, and its folder."""
    (tmp_path / "thumbs.min.js").write_bytes((build() / "thumbs.min.js").read_bytes())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def browser_key(site: Site, origin: str) -> str:
    """Return a new key that lists the origin, when the collector knows it."""
    body = {"subject": "shop", "scopes": ["browser-ingest"], "origins": [origin]}
    made = site.post("/v1/keys", body, site.admin_key)
    assert made.status_code == 201, made.text
    key = str(made.json()["key"])
    eventually_sync(lambda: site.post("/v1/feedback", {}, key).status_code == 422)
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    eventually_sync(
        lambda: httpx.options(site.url + "/v1/feedback", headers=asked, timeout=PATIENCE_S).status_code == 204
    )
    return key


def record(site: Site, target: str) -> str:
    """Record an execution on the server of the shop. Return its id."""
    with site.client() as app:
        execution = app.record(target=target, input="x", output="y")
        assert app.flush(60)
    return execution


def thumbs(site: Site, target: str) -> list[int]:
    """Return how many thumbs of the target are counted."""
    return [item["n"] for item in site.items(f"/v1/metrics?target={target}") if item["metric"] == "thumb"]


def test_click_on_another_origin_becomes_feedback(site: Site, shop: tuple[str, Path], page: Page) -> None:
    origin, folder = shop
    execution = record(site, "shop-bot")
    html = _PAGE.format(url=site.url, key=browser_key(site, origin), execution=execution)
    (folder / "index.html").write_text(html)
    page.goto(origin)
    page.evaluate("addEventListener('ratchet-feedback', (event) => { window.given = event.detail.value })")
    with page.expect_response(lambda answer: answer.request.method == "POST") as posted:
        page.get_by_role("button", name="Good answer").click()
    assert posted.value.status == 200
    assert page.evaluate("window.given") is True
    assert page.get_by_role("button", name="Good answer").get_attribute("aria-pressed") == "true"
    eventually_sync(lambda: thumbs(site, "shop-bot") == [1])


def test_click_arrives_although_the_page_is_left_at_once(site: Site, shop: tuple[str, Path], page: Page) -> None:
    origin, folder = shop
    execution = record(site, "left-bot")
    html = _PAGE.format(url=site.url, key=browser_key(site, origin), execution=execution)
    (folder / "index.html").write_text(html)
    page.goto(origin)
    page.get_by_role("button", name="Bad answer").wait_for()
    page.evaluate(
        """() => {
            document.querySelector("ratchet-thumbs").shadowRoot.querySelectorAll("button")[1].click();
            location.assign("about:blank");
        }"""
    )
    eventually_sync(lambda: thumbs(site, "left-bot") == [1])


def test_page_of_an_origin_that_is_not_listed_sends_nothing(site: Site, shop: tuple[str, Path], page: Page) -> None:
    origin, folder = shop
    execution = record(site, "other-bot")
    key = browser_key(site, "https://elsewhere.example")
    (folder / "index.html").write_text(_PAGE.format(url=site.url, key=key, execution=execution))
    browser_key(site, origin)  # another key lists it, so that the preflight passes and the request itself is refused
    page.goto(origin)
    with page.expect_response(lambda answer: answer.request.method == "POST") as posted:
        page.get_by_role("button", name="Good answer").click()
    assert posted.value.status == 403
    assert page.evaluate(_REFUSAL, [site.url, key]) == [403, "cross-origin"]
    assert page.evaluate(_REFUSAL, [site.url, "rk_x_y"]) == [401, "unauthenticated"]
    assert thumbs(site, "other-bot") == []
