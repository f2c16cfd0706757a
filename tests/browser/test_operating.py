"""What operators and admins do: topics, dead letters, the audit, people and keys, one's own app."""

import subprocess
import sys

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.browsing import Visitor, visiting
from tests.support.circle import Site
from tests.support.eventually import eventually_sync
from tests.support.filled import park
from tests.support.local import LocalRunner

pytestmark = pytest.mark.postgres


def record(site: Site, target: str = "any-bot") -> None:
    with site.client() as app:
        app.record(target=target, input="x", output="<b>y</b>")
        assert app.flush(30)


def letters(site: Site) -> int:
    return len(site.items("/v1/ops/analyzer/dead-letters"))


def test_dead_letters_are_replayed_or_discarded_and_the_audit_says_who(
    browser: Browser, site: Site, runner: LocalRunner
) -> None:
    record(site)
    record(site)
    eventually_sync(lambda: site.items("/v1/quality"), within=30)
    park(runner, 2)
    with visiting(browser, site) as operator:
        operator.sign_in("operator", "olga")
        page = operator.page
        operator.open("/topics")
        operator.sees("execution.recorded")
        operator.open("/topics/dead-letters?service=analyzer")
        assert letters(site) == 2
        for verb, left in (("Replay", 1), ("Discard", 0)):
            page.get_by_role("button", name=f"{verb}…").first.click()
            page.locator("dialog[open]").get_by_role("button", name=verb, exact=True).click()
            eventually_sync(lambda left=left: letters(site) == left)  # type: ignore[misc]

        def told() -> set[str]:
            entries = site.items("/v1/audit?order=desc&limit=50&by=olga")
            return {entry["kind"] for entry in entries} & {"dead-letter.replayed", "dead-letter.discarded"}

        eventually_sync(lambda: len(told()) == 2, within=30)
        operator.open("/audit?by=olga")
        operator.sees("olga")


def test_the_audit_is_verified(admin: Visitor) -> None:
    admin.open("/audit")
    admin.page.get_by_role("link", name="Verify").first.click()
    admin.sees("The audit is whole")


def test_somebody_is_invited_and_comes_in(browser: Browser, admin: Visitor) -> None:
    page = admin.page
    admin.open("/people")
    page.get_by_role("button", name="Make a sign-in link…").click()
    page.get_by_label("For whom").fill("carl")
    page.locator("dialog#invite input[value=viewer]").check()
    page.locator("dialog#invite").get_by_role("button", name="Make the link").click()
    link = page.locator("#the-link")
    expect(link).to_contain_text("/sign-in#rl_")
    with visiting(browser, admin.site) as carl:
        carl.page.goto(link.inner_text())
        carl.page.wait_for_url(admin.site.url + "/")
        expect(carl.page.locator(".who")).to_contain_text("carl")


def test_a_key_is_shown_once_works_and_ends(admin: Visitor) -> None:
    page = admin.page
    admin.open("/people")
    page.get_by_role("button", name="Issue a key…").click()
    page.get_by_label("For what").fill("night-job")
    page.locator("dialog#issue").get_by_role("button", name="Issue the key").click()
    key = page.locator("#the-key").inner_text()
    bearer = {"authorization": f"Bearer {key}"}
    assert httpx.get(admin.site.url + "/v1/loop", headers=bearer).status_code == 200
    page.get_by_role("button", name="Done").click()
    admin.open("/people")
    assert key not in page.content()
    page.get_by_role("button", name="of night-job").click()
    page.locator("dialog[open]").get_by_role("button", name="Revoke", exact=True).click()
    eventually_sync(lambda: httpx.get(admin.site.url + "/v1/loop", headers=bearer).status_code == 401)


def test_ones_own_app_is_wired_from_the_empty_state(admin: Visitor) -> None:
    """The key and the snippet are what the page shows; what the page waits for is then received."""
    page = admin.page
    admin.open("/start?target=parcel-bot")
    page.locator(
        "form[data-api='/v1/keys'] button.primary, form[data-api='/v1/keys'] button:not([type=button])"
    ).first.click()
    key = page.locator("[data-part=key]").first
    expect(key).to_contain_text("rk_")
    snippet = page.locator("pre", has_text="ratchet.Ratchet(").first.inner_text()
    wired = (
        f"def call_your_model(*_, **__): return 'An answer.'\nquestion = 'Where is it?'\n{snippet}\nclient.close()\n"
    )
    environment = {"RATCHET_URL": admin.site.url, "RATCHET_KEY": key.inner_text(), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", wired], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expect(page.locator("#page")).to_contain_text("received", timeout=30_000)
