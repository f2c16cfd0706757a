"""Sign-in, the view of each role, sign-out, and a server that is unavailable for a while."""

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Visitor, browse, is_unreachable
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.full_loop import Site
from tests.support.local import LocalRunner

pytestmark = pytest.mark.postgres


def test_sign_in_link_works_once_and_is_removed_from_the_address(visitor: Visitor) -> None:
    page = visitor.page
    link = visitor.site.post("/v1/sign-in-links", {"subject": "reviewer", "role": "reviewer"}).json()
    page.goto(visitor.site.url + link["path"])
    page.wait_for_url(visitor.site.url + "/")
    expect(page.locator(".who")).to_contain_text("reviewer")
    assert "rk_" not in page.evaluate("document.cookie")
    page.goto(visitor.site.url + link["path"])
    expect(page.locator("#known")).to_contain_text("Somebody is signed in already")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("already used")
    assert page.url == visitor.site.url + "/sign-in"
    visitor.complaints.clear()  # the browser logs the rejected request


def test_link_opened_on_the_sign_in_page_signs_in(visitor: Visitor) -> None:
    visitor.open("/sign-in")
    visitor.sign_in("viewer", "ann")
    expect(visitor.page.locator(".who")).to_contain_text("ann")


def test_sign_out_ends_the_session_everywhere(admin: Visitor) -> None:
    """A copy of the cookies is used without a page: one would leave for the sign-in page by itself, at any time."""
    page = admin.page
    stolen = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}

    def shown_path() -> str:
        return httpx.get(admin.site.url + "/", cookies=stolen, follow_redirects=True, timeout=PATIENCE_S).url.path

    assert shown_path() == "/"
    page.locator(".who summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(admin.site.url + "/sign-in")
    eventually_sync(lambda: shown_path() == "/sign-in")


def test_pages_without_permission_are_not_linked(browser: Browser, site: Site) -> None:
    with browse(browser, site) as viewer:
        viewer.sign_in("viewer", "ann")
        links = viewer.page.locator(".bar nav a").all_inner_texts()
        assert "Topics" not in links
        assert "People" not in links
        assert viewer.open("/topics").status == 403
        viewer.expect_text("You may not see this")
        viewer.complaints.clear()
        viewer.open("/")
        expect(viewer.page.get_by_role("button", name="Halt")).to_be_visible()


def test_anyone_halts_and_a_reviewer_resumes(browser: Browser, site: Site) -> None:
    with browse(browser, site) as viewer, browse(browser, site) as reviewer:
        viewer.sign_in("viewer", "ann")
        reviewer.sign_in("reviewer", "bob")
        viewer.page.get_by_role("button", name="Halt").click()
        viewer.confirm("halt", "Halt", "it looks odd")
        expect(viewer.page.locator(".halted")).to_contain_text("A reviewer can resume")
        expect(reviewer.page.locator(".halted")).to_contain_text("it looks odd")
        reviewer.page.get_by_role("button", name="Resume").click()
        reviewer.confirm("resume", "Resume", "looked: fine")
        expect(viewer.page.locator(".halted")).to_be_hidden()
        assert site.get("/v1/loop")["halted"] is False


def test_lost_connection_is_shown_until_the_server_is_back(browser: Browser, runner: LocalRunner, site: Site) -> None:
    with browse(browser, site) as visitor:
        visitor.sign_in()
        runner.stop()
        eventually_sync(lambda: is_unreachable(site.url))
        expect(visitor.page.locator("#connection")).to_contain_text("Connection lost")
        runner.start()
        expect(visitor.page.locator("#connection")).to_be_hidden()
        visitor.open("/regressions")
        visitor.complaints.clear()  # the browser logs the failed requests
