"""A visitor's first five minutes in a browser: the regression is explained, its fix approved, and the bot recovers."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ratchet_local.demo_dataset import DatasetPublisher, DemoDataset
from tests.support.browser import PHONE, browse, link_of
from tests.support.eventually import eventually_sync
from tests.support.full_loop import Site
from tests.support.local import LocalRunner
from tests.support.uninstrumented import environment_without_coverage

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(3000)]  # longer than our own deadlines, whose messages say more
_SOON = 480_000
"""Timeout for what needs some thousand requests of the demo, which a busy machine answers more slowly."""


def publish_golden_set(site: Site) -> None:
    """Publish the demo's golden set, as `make run` does: again where the evaluator does not know the key yet."""
    publisher = DatasetPublisher(DemoDataset.packaged())
    with site.http(site.maker_key) as client:
        eventually_sync(lambda: publisher.attempt(client))


def test_first_visit_from_sign_in_link_to_recovery(
    browser: Browser, runner: LocalRunner, site: Site, tmp_path: Path
) -> None:
    """Run the demo's traffic at twice the rate of `make run`, and at that rate to the end.

    On a busy machine, a visitor takes longer than the 12,000 answers after which the demo asks two questions a second:
    too few for a recovery to be found.
    """
    words = ["--folder", str(tmp_path / "demo"), "--seed", "7", "--rate", "40", "--quiet-after", "1000000"]
    env = environment_without_coverage(RATCHET_URL=site.url, RATCHET_KEY=site.ingest_key)
    publish_golden_set(site)
    with browse(browser, site) as visitor:
        page = visitor.page
        page.goto(link_of(runner.output))
        page.wait_for_url(site.url + "/")
        visitor.expect_text("No data yet")
        with subprocess.Popen([sys.executable, "-m", "ratchet_demo.main", *words], env=env) as bot:
            try:
                visitor.expect_text("support-bot")
                expect(page.locator("#page")).to_contain_text("thumb of support-bot", timeout=_SOON)
                restore = page.locator("a.row", has_text="Restore removed parts of answer")
                expect(restore).to_be_visible(timeout=_SOON)
                visitor.screenshot_to_folder("overview")

                page.locator("a.row[href^='/regressions/']", has_text="thumb of").first.click()
                visitor.expect_text("regressed")
                visitor.expect_text("prompt version answer")
                expect(page.locator("#chart canvas").first).to_be_visible()
                expect(page.locator(".exchange.bad").first).to_be_visible()
                expect(page.locator(".exchange.good").first).to_be_visible()
                visitor.screenshot_to_folder("regression")

                page.get_by_role("link", name="Review the fix").click()
                visitor.expect_text("Restore removed parts of answer")
                expect(page.locator("#page")).to_contain_text("Pass rate: +", timeout=_SOON)
                visitor.expect_text("independent cases of the golden set support-bot-demo")
                expect(page.locator("tr.added ins").first).to_contain_text("Cite the number of the article")
                visitor.screenshot_to_folder("proposal")
                page.wait_for_load_state("load")  # keyboard shortcuts work once the scripts are loaded
                page.keyboard.press("a")
                digest = page.locator("#bound").text_content()
                visitor.confirm("approve", "Approve", "it cites again")
                visitor.expect_text("Approved by reviewer")
                visitor.expect_text("Served to apps since")
                assert digest is not None
                assert site.get("/v1/prompts/answer")["digest"] == digest

                expect(page.locator("#page")).to_contain_text("recovered", timeout=_SOON)
                visitor.open("/regressions?state=resolved")
                expect(page.locator("a.row", has_text="thumb of").first).to_be_visible(timeout=_SOON)
                eventually_sync(
                    lambda: {it["state"] for it in site.items("/v1/regressions")} == {"resolved"}, within=480
                )
                raised = {(it["target"], it["metric"]) for it in site.items("/v1/regressions")}
                assert raised <= {("support-bot", "thumb"), ("support-bot", "implicit.thumb")}
                visitor.open("/prompts/answer")
                visitor.screenshot_to_folder("prompt", "#page .stack")  # the rest of the page shows host names
                with browse(browser, site, PHONE, "dark") as elsewhere:
                    elsewhere.sign_in("viewer", "ann").screenshot_to_folder("phone")
            finally:
                bot.terminate()
    assert bot.returncode == 0
