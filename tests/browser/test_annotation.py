"""People annotate answers in the browser, by keyboard alone; an expert decides what they disagree about."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Visitor, browse
from tests.support.eventually import eventually_sync
from tests.support.full_loop import Site

pytestmark = pytest.mark.postgres
QUEUE = "/v1/annotation-queues/answers"
RUBRIC = [
    {"name": "helpful", "kind": "thumb", "title": "Does it help?", "metric": "thumb.helpful"},
    {"name": "tone", "kind": "label", "title": "Which tone?", "labels": [{"name": "warm"}, {"name": "cold"}]},
    {"name": "right", "kind": "score", "title": "How right is it?", "metric": "score.right"},
    {"name": "better", "kind": "better_answer", "title": "A better answer", "required": False},
]


def create_queue(site: Site, answers: int, annotators: int = 2) -> None:
    tasks = [{"execution_id": f"e-{n}", "input": f"question {n}", "output": f"answer {n}"} for n in range(answers)]
    body = {"target": "bot", "rubric": RUBRIC, "annotators": annotators}
    with site.http(site.maker_key) as maker:
        eventually_sync(lambda: maker.put(QUEUE, json=body).is_success)
        assert maker.post(f"{QUEUE}/tasks", json={"tasks": tasks}).json()["added"] == answers


def queue(site: Site) -> dict[str, Any]:
    with site.http(site.maker_key) as maker:
        return dict(maker.get(QUEUE).json())


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def start(page: Page) -> None:
    """Press the button that has the focus once the page is ready for keys: a key before that is lost."""
    expect(page.get_by_role("button", name="Start")).to_be_focused()
    press(page, "Enter")


def next_task(page: Page, before: str | None) -> str:
    """Wait until another task is shown than `before`, and return the id of its form."""
    other = f":not(#{before})" if before else ""
    form = page.locator(f"form[data-annotate]{other}")
    expect(form).to_be_visible()
    expect(page.locator("time[data-reservation]")).to_contain_text("in")  # scripts run, and take keys
    return str(form.get_attribute("id"))


def test_a_queue_is_worked_through_by_keyboard_alone(browser: Browser, site: Site) -> None:
    """From the list to the last answer: choose, write, submit, skip; nothing is clicked."""
    create_queue(site, 3)
    with browse(browser, site) as ann:
        ann.sign_in("reviewer", "ann")
        page = ann.page
        ann.open("/annotation")
        press(page, "j", "Enter")
        page.wait_for_url("**/annotation/answers")
        start(page)
        first = next_task(page, None)
        press(page, "1", "2", "4")
        expect(page.locator(f"#{first} :checked")).to_have_count(3)
        press(page, "k", "k", "k", "2")
        expect(page.get_by_label("No, down")).to_be_checked()
        press(page, "c")
        page.keyboard.type("Better: 12 s, j and k")
        press(page, "Control+Enter")
        second = next_task(page, first)
        press(page, "?")
        expect(page.locator("dialog#keys")).to_be_visible()
        press(page, "Escape")
        expect(page.locator("dialog#keys")).to_be_hidden()
        press(page, "s")
        third = next_task(page, second)
        press(page, "1", "1")
        press(page, "Enter")
        expect(page.locator(f"#{third} input:invalid").first).to_be_focused()
        press(page, "5", "Enter")
        ann.expect_text("No answer is reserved for you")
        correct_last_answers(page)
        with page.expect_navigation():
            start(page)
        ann.expect_text("No answer is reserved for you")
        assert ann.accessibility_violations() == []
    assert queue(site)["tasks"]["open"] == 3, "each needs two annotators"
    with browse(browser, site) as bob:
        bob.sign_in("reviewer", "bob")
        bob.open("/annotation/answers")
        start(bob.page)
        before = None
        for _ in range(3):
            before = next_task(bob.page, before)
            press(bob.page, "1", "1", "5", "Enter")
        bob.expect_text("No answer is reserved for you")
    assert queue(site)["tasks"] == {"open": 1, "agreed": 1, "disagreement": 1, "adjudicated": 0}
    decide_by_another(browser, site)


def correct_last_answers(page: Page) -> None:
    """Correct the third answer twice by keyboard, so that it is what it was."""
    for key, label in (("2", "No, down"), ("1", "Yes, up")):
        page.get_by_role("link", name="Correct your last answers").press("Enter")
        expect(page.get_by_role("button", name="Correct")).to_be_visible()
        expect(page.locator("time").first).not_to_contain_text("UTC")  # scripts run, and take keys
        press(page, key)
        expect(page.get_by_label(label)).to_be_checked()
        with page.expect_navigation():
            press(page, "Enter")


def decide_by_another(browser: Browser, site: Site) -> None:
    with browse(browser, site) as cem:
        cem.sign_in("reviewer", "cem")
        cem.open("/annotation/answers/results")
        cem.expect_text("Better: 12 s, j and k")
        cem.page.get_by_role("button", name="Decide…").click()
        dialog = cem.page.locator("dialog[open]")
        for question in dialog.locator("fieldset").all():
            question.locator("label").first.click()
        dialog.get_by_role("button", name="Decide", exact=True).click()
        cem.expect_text("Nothing to decide")
        cem.open("/annotation/answers/results?state=adjudicated")
        cem.expect_text("decided by cem")
    assert queue(site)["tasks"] == {"open": 1, "agreed": 1, "disagreement": 0, "adjudicated": 1}


def test_executions_are_added_and_viewers_only_look(admin: Visitor, browser: Browser, site: Site) -> None:
    """An ended reservation says so and stores nothing; a viewer can't annotate."""
    shop = {"target": "shop", "rubric": RUBRIC, "reservation_minutes": 1}
    with site.http(site.maker_key) as maker:
        eventually_sync(lambda: maker.put("/v1/annotation-queues/shop", json=shop).is_success)
    with site.client() as app:
        app.record(target="shop", input="Where is it?", output="On its way.")
        assert app.flush(60)
    eventually_sync(lambda: site.items("/v1/executions?target=shop"))
    [execution] = site.items("/v1/executions?target=shop")
    admin.open(f"/executions/{execution['id']}")
    for _ in range(2):
        admin.page.get_by_role("button", name="Add to an annotation queue…").click()
        admin.page.locator("dialog[open]").get_by_role("button", name="Add", exact=True).click()
        expect(admin.page.locator("#toast")).to_contain_text("Added to the annotation queue")
        expect(admin.page.locator("dialog[open]")).to_have_count(0)
    with browse(browser, site) as viewer:
        viewer.sign_in("viewer", "vic")
        viewer.open("/annotation/shop")
        viewer.expect_text("Only reviewers and admins annotate")
        viewer.expect_text("1 of 1 answers open")
    admin.page.clock.install()
    admin.open("/annotation/shop")
    start(admin.page)
    next_task(admin.page, None)
    admin.page.clock.run_for(61_000)
    admin.expect_text("Your reservation has ended")
    expect(admin.page.get_by_role("button", name="Submit")).to_be_disabled()
