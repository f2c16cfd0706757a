"""Tasks of operators and admins: topics, dead letters, audit, people and keys, connecting an app."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Visitor, browse
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.full_loop import Site
from tests.support.hostile_site import park, propose_cases
from tests.support.local import LocalRunner
from tests.support.uninstrumented import environment_without_coverage

pytestmark = pytest.mark.postgres


def record(site: Site, target: str = "any-bot") -> None:
    with site.client() as app:
        app.record(target=target, input="x", output="<b>y</b>")
        assert app.flush(60)


def letters(site: Site) -> int:
    return len(site.items("/v1/ops/analyzer/dead-letters"))


def test_dead_letters_are_replayed_or_discarded_and_audited(browser: Browser, site: Site, runner: LocalRunner) -> None:
    record(site)
    record(site)
    park(runner, 2)
    with browse(browser, site) as operator:
        operator.sign_in("operator", "olga")
        page = operator.page
        operator.open("/topics")
        operator.expect_text("execution.recorded")
        operator.open("/topics/dead-letters?service=analyzer")
        assert letters(site) == 2
        for verb, left in (("Replay", 1), ("Discard", 0)):
            page.get_by_role("button", name=f"{verb}…").first.click()
            page.locator("dialog[open]").get_by_role("button", name=verb, exact=True).click()
            expect(page.locator("article.letter")).to_have_count(left)
            assert letters(site) == left

        def recorded_kinds() -> set[str]:
            entries = site.items("/v1/audit?order=desc&limit=50&by=olga")
            return {entry["kind"] for entry in entries} & {"dead-letter.replayed", "dead-letter.discarded"}

        eventually_sync(lambda: len(recorded_kinds()) == 2)
        operator.open("/audit?by=olga")
        operator.expect_text("olga")


def test_cases_are_reviewed_and_published(browser: Browser, site: Site) -> None:
    """A person accepts one case, rejects another, accepts the rest at once, and publishes; viewers only look."""
    propose_cases(site)
    with browse(browser, site) as reviewer:
        reviewer.sign_in("reviewer", "rita")
        page = reviewer.page
        reviewer.open("/datasets")
        page.get_by_role("link", name="mail").click()
        reviewer.expect_text("returns-1")
        page.get_by_role("button", name="Accept returns-1").click()
        reviewer.expect_text("Accepted 1")
        page.get_by_role("button", name="Reject returns-2").click()
        reviewer.expect_text("Rejected 1")
        page.get_by_role("button", name="Accept 3 shown…").click()
        reviewer.confirm("accept-shown", "Accept")
        reviewer.expect_text("Accepted 4")
        page.get_by_role("button", name="Publish…").click()
        assert reviewer.accessibility_violations() == []
        reviewer.confirm("publish", "Publish")
        reviewer.expect_text("latest")
        reviewer.screenshot_to_folder("dataset-published")
        with page.expect_download() as started:
            page.get_by_role("link", name="Cases of version 1").click()
        lines = started.value.path().read_text("utf-8").splitlines()
        assert started.value.suggested_filename == "mail.jsonl"
        assert [json.loads(line)["id"] for line in lines][:2] == ["returns-1", "returns-3"]
    (version,) = site.items("/v1/datasets/mail/versions")
    assert (version["cases"], version["clusters"], version["published_by"]) == (4, 3, "rita")
    with browse(browser, site) as viewer:
        viewer.sign_in("viewer", "vera")
        viewer.open("/datasets/mail")
        viewer.expect_text("Only makers and reviewers accept cases")
        expect(viewer.page.get_by_role("button", name="Reject")).to_have_count(0)


def test_the_audit_is_verified(admin: Visitor) -> None:
    admin.open("/audit")
    admin.page.get_by_role("link", name="Verify").first.click()
    admin.expect_text("The audit is intact")


def test_invited_person_signs_in(browser: Browser, admin: Visitor) -> None:
    page = admin.page
    admin.open("/people")
    page.get_by_role("button", name="Create a sign-in link…").click()
    page.get_by_label("Person").fill("carl")
    page.locator("dialog#invite input[value=viewer]").check()
    page.locator("dialog#invite").get_by_role("button", name="Create the link").click()
    link = page.locator("#the-link")
    expect(link).to_contain_text("/sign-in#rl_")
    with browse(browser, admin.site) as carl:
        carl.page.goto(link.inner_text())
        carl.page.wait_for_url(admin.site.url + "/")
        expect(carl.page.locator(".who")).to_contain_text("carl")


def test_key_is_shown_once_works_and_can_be_revoked(admin: Visitor) -> None:
    page = admin.page
    admin.open("/people")
    page.get_by_role("button", name="Issue a key…").click()
    page.get_by_label("App or service").fill("night-job")
    page.locator("dialog#issue").get_by_role("button", name="Issue the key").click()
    expect(page.locator("#the-key")).to_contain_text("rk_")
    key = page.locator("#the-key").inner_text()
    bearer = {"authorization": f"Bearer {key}"}
    assert httpx.get(admin.site.url + "/v1/loop", headers=bearer, timeout=PATIENCE_S).status_code == 200
    page.get_by_role("button", name="Done").click()
    admin.open("/people")
    assert key not in page.content()
    page.get_by_role("button", name="of night-job").click()
    page.locator("dialog[open]").get_by_role("button", name="Revoke", exact=True).click()
    eventually_sync(
        lambda: httpx.get(admin.site.url + "/v1/loop", headers=bearer, timeout=PATIENCE_S).status_code == 401
    )


def test_key_of_a_browser_is_issued_with_its_origins(admin: Visitor) -> None:
    page = admin.page
    admin.open("/people")
    page.get_by_role("button", name="Issue a key…").click()
    page.get_by_label("App or service").fill("shop")
    dialog = page.locator("dialog#issue")
    for scope, checked in (("ingest", False), ("read", False), ("browser-ingest", True)):
        dialog.locator(f"input[value={scope}]").set_checked(checked)
    dialog.locator("textarea[name=origins]").fill("https://SHOP.example/\nhttp://localhost:5173")
    dialog.get_by_role("button", name="Issue the key").click()
    expect(page.locator("#the-key")).to_contain_text("rk_")
    page.get_by_role("button", name="Done").click()
    admin.expect_text("https://shop.example")
    admin.expect_text("http://localhost:5173")
    assert admin.accessibility_violations() == []


def test_app_is_connected_from_the_empty_state(admin: Visitor, tmp_path: Path) -> None:
    """Use the key and the code that the page shows; the page then reports the first execution by itself."""
    page = admin.page
    admin.open("/")
    page.get_by_role("link", name="Connect an app").first.click()
    page.get_by_label("Target").fill("parcel-bot")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Create a key").click()
    key = page.locator("#environment [data-part=key]")
    expect(key).to_contain_text("rk_")
    admin.expect_text("Waiting for the first execution of parcel-bot")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "answer.md").write_text("Answer in one sentence: {{question}}")
    (tmp_path / "app.py").write_text(
        "def your_model(messages): return 'On its <b>way</b>.'\n"
        "question = 'Where is my parcel?'\n" + page.locator("#code-1").inner_text()
    )
    environment = {
        "RATCHET_URL": page.locator("#environment [data-origin]").inner_text(),
        "RATCHET_KEY": key.inner_text(),
    }
    command = [sys.executable, "app.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment_without_coverage(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    admin.expect_text("The latest execution of parcel-bot was received")
    admin.expect_text("On its <b>way</b>.")
