"""Decisions in the console: each is sent to the gatekeeper as that person, and shown."""

import pytest
from playwright.sync_api import Browser, expect

from ratchet.prompt import parse
from tests.support.browser import Visitor, browse
from tests.support.eventually import eventually_sync
from tests.support.full_loop import Site
from tests.support.hostile_site import HOSTILE, REPLY, few_shots, like, promote, propose, reply

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def live(site: Site) -> str:
    """The digest of the prompt `reply` that is live at first."""
    return promote(site, reply("Reply to the mail."))


def live_digest(site: Site) -> str:
    return str(site.get(f"/v1/prompts/{REPLY}")["digest"])


@pytest.mark.parametrize(
    ("button", "dialog", "verb", "state"),
    [
        ("Reject…", "reject", "Reject", "rejected"),
        ("Request changes…", "changes", "Request changes", "changes_requested"),
    ],
)
def test_rejection_needs_a_reason_and_changes_nothing(
    admin: Visitor, live: str, button: str, dialog: str, verb: str, state: str
) -> None:
    site, page = admin.site, admin.page
    proposal = propose(site, reply(f"Reply, {state}."), live_digest(site))
    before = live_digest(site)
    admin.open(f"/proposals/{proposal['id']}")
    page.get_by_role("button", name=button).click()
    page.locator(f"dialog#{dialog}").get_by_role("button", name=verb, exact=True).click()
    expect(page.locator(f"dialog#{dialog}")).to_be_visible()
    admin.confirm(dialog, verb, "it says too little")
    admin.expect_text("it says too little")
    assert site.get(f"/v1/proposals/{proposal['id']}")["state"] == state
    assert live_digest(site) == before


def test_edit_is_proposed_by_one_person_and_approved_by_another(browser: Browser, site: Site, live: str) -> None:
    with browse(browser, site) as author, browse(browser, site) as reviewer:
        author.sign_in("reviewer", "ann")
        reviewer.sign_in("reviewer", "bob")
        author.open(f"/prompts/{REPLY}/edit")
        field = author.page.locator("textarea.prompt").first
        field.fill("Reply to the mail, kindly.")
        expect(author.page.locator("#preview ins").first).to_contain_text("kindly")
        author.page.get_by_label("Reason, for the reviewer").fill("kinder")
        author.page.get_by_role("button", name="Send the proposal").click()
        author.page.wait_for_url("**/proposals/*")
        author.expect_text("This is your own proposal: another reviewer must decide.")
        expect(author.page.get_by_role("button", name="Approve…")).to_have_count(0)
        reviewer.open(author.page.url.removeprefix(site.url))
        reviewer.page.keyboard.press("a")
        reviewer.confirm("approve", "Approve", "good")
        reviewer.expect_text("Served to apps since")
        author.expect_text("Approved by bob")
    assert site.get(f"/v1/prompts/{REPLY}")["document"]["messages"][0]["content"] == "Reply to the mail, kindly."


def test_rollback_takes_one_click_and_one_confirmation(admin: Visitor, live: str) -> None:
    site, page = admin.site, admin.page
    before = live_digest(site)
    changed = promote(site, reply("Reply in capitals."), before)
    admin.open(f"/prompts/{REPLY}")
    page.locator(".head").get_by_role("button", name="Roll back…").click()
    expect(page.locator("dialog#rollback")).to_contain_text("Reply in capitals")
    admin.confirm("rollback", "Roll back", "too loud")
    eventually_sync(lambda: live_digest(site) == before)
    admin.expect_text("rolled back")
    assert changed != before


def test_halt_blocks_approval_but_not_rollback(admin: Visitor, live: str) -> None:
    site, page = admin.site, admin.page
    before = live_digest(site)
    changed = promote(site, reply("Reply in riddles."), before)
    proposal = propose(site, reply("Reply in rhymes."), changed)
    admin.open(f"/proposals/{proposal['id']}")
    page.get_by_role("button", name="Halt").click()
    admin.confirm("halt", "Halt", "it speaks in riddles")
    expect(page.locator(".halted")).to_contain_text("it speaks in riddles")
    expect(page.get_by_role("button", name="Approve…")).to_have_count(0)
    admin.open(f"/prompts/{REPLY}")
    page.locator(".head").get_by_role("button", name="Roll back…").click()
    admin.confirm("rollback", "Roll back", "back to plain words")
    eventually_sync(lambda: live_digest(site) == before)
    page.get_by_role("button", name="Resume").click()
    admin.confirm("resume", "Resume", "plain again")
    expect(page.locator(".halted")).to_be_hidden()


def test_approval_after_another_promotion_shows_the_conflict(admin: Visitor, live: str) -> None:
    site, page = admin.site, admin.page
    proposal = propose(site, reply("Reply early."), live_digest(site))
    admin.open(f"/proposals/{proposal['id']}")
    page.keyboard.press("a")
    promote(site, reply("Reply in time."), live_digest(site))
    admin.confirm("approve", "Approve", "")
    expect(page.locator("dialog#approve .problem")).to_contain_text("Another version is live now")
    admin.complaints.clear()  # the browser logs the rejected request


def test_revoked_example_is_removed_everywhere(admin: Visitor, live: str) -> None:
    site, page = admin.site, admin.page
    like(site)
    [proposal] = few_shots(site)
    admin.open(f"/proposals/{proposal['id']}")
    expect(page.locator(".exchange").first).to_contain_text("<script>")
    page.keyboard.press("a")
    admin.confirm("approve", "Approve", "good examples")
    admin.expect_text("Approved by reviewer")
    count = len(site.get(f"/v1/prompts/{REPLY}")["examples"]["examples"])
    admin.open("/few-shots")
    page.get_by_role("button", name="Revoke…").first.click()
    page.locator("dialog[open] textarea").fill("it is not one of ours")
    page.locator("dialog[open]").get_by_role("button", name="Revoke", exact=True).click()
    eventually_sync(lambda: len(site.get(f"/v1/prompts/{REPLY}")["examples"]["examples"]) == count - 1)
    admin.expect_text(HOSTILE.split("\x1b")[0])


def test_observed_prompt_is_marked_as_reviewed(admin: Visitor) -> None:
    site = admin.site
    with site.client() as app:
        prompt = app.prompt("greeting", "Say hello to {{who}}.", target="door-bot")
        app.record(prompts=[prompt], input="x", output="y")
        assert app.flush(60)
    eventually_sync(lambda: [item for item in site.items("/v1/prompts") if item["name"] == "greeting"])
    admin.open("/prompts/greeting")
    admin.expect_text("unreviewed")
    admin.page.get_by_role("button", name="Mark as reviewed").first.click()
    seen = eventually_sync(
        lambda: [
            observed
            for item in site.items("/v1/prompts")
            if item["name"] == "greeting"
            for observed in item["observed"]
            if observed["reviewed"]
        ]
    )
    assert parse(site.get(f"/v1/versions/{seen[0]['digest']}")["document"]).digest == seen[0]["digest"]
