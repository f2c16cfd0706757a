"""The pages of annotation: what annotators and experts see, and what may be added to a queue."""

from typing import Any

import pytest

from console.domain.annotation_rows import question_fields, task_bodies, task_row
from tests.support.console import NOW, FakeServices, console_client

RUBRIC: list[dict[str, Any]] = [
    {"name": "helpful", "kind": "thumb", "title": "Helps <b>?", "required": True, "metric": "thumb"},
    {"name": "tone", "kind": "label", "title": "Tone?", "required": True, "metric": None,
     "labels": [{"name": "warm", "value": None}, {"name": "cold", "value": None}]},
    {"name": "right", "kind": "score", "title": "Right?", "required": True, "metric": None, "low": 0.0, "high": 1.0,
     "step": 0.5, "tolerance": 0.25},
    {"name": "share", "kind": "score", "title": "Share?", "required": False, "metric": None, "low": 0.0, "high": 100.0,
     "step": 1.0, "tolerance": 25.0},
    {"name": "better", "kind": "better_answer", "title": "Better?", "required": False, "metric": None},
]  # fmt: skip
FIGURE = {"value": -0.25, "low": -0.5, "high": 0.1234, "n": 1200}
AGREEMENT = {"question": "helpful", "cohen_kappa": FIGURE, "fleiss_kappa": None,
             "krippendorff_alpha": {"value": None, "low": None, "high": None, "n": 12}}  # fmt: skip
QUEUE = {
    "name": "mail", "target": "bot", "instructions": "Only this <i>", "rubric": RUBRIC, "annotators": 2,
    "reservation_minutes": 10, "created_at": NOW, "created_by": "ann", "agreement": [AGREEMENT],
    "tasks": {"open": 3, "agreed": 4, "disagreement": 1, "adjudicated": 2},
}  # fmt: skip
TASK = {
    "id": "5f0c9c0e-6f7f-5a54-9d6c-6c4c0e0f1f11", "token": "0d3c8d0e-90c1-4b5a-8a86-4c8f0f1f2f33", "input": "<script>x",
    "output": "Yes \u202e", "contexts": [{"id": None, "text": "c"}], "reserved_at": NOW, "expires_at": NOW,
}  # fmt: skip
DISPUTED = {
    "id": TASK["id"], "state": "disagreement", "input": None, "output": "No", "contexts": [], "disputed": ["tone"],
    "answers": [{"helpful": True, "tone": "warm", "right": 0.5, "better": "A <b>"},
                {"helpful": True, "tone": "cold", "right": 0.5}],
    "outcome": {"helpful": True, "right": 0.5}, "decided_at": None, "decided_by": None,
}  # fmt: skip

OWN: dict[str, Any] = {
    "id": "019c0000-0000-7000-8000-000000000009", "input": "Q", "output": "Yes", "contexts": [], "submitted_at": NOW,
    "answers": {"helpful": False, "tone": "cold", "right": 0.5, "better": "A <b>"},
}  # fmt: skip


@pytest.fixture
def with_queue(api: FakeServices) -> FakeServices:
    path = "/v1/annotation-queues/mail"
    api.answers |= {
        "/v1/annotation-queues": {"items": [QUEUE], "next": "more"},
        path: QUEUE,
        f"{path}/next": {"task": TASK},
        f"{path}/corrections": {"items": [OWN]},
        f"{path}/tasks": {"items": [DISPUTED], "next": None},
        f"{path}/results": {
            "tasks": QUEUE["tasks"],
            "agreement": [AGREEMENT],
            "annotators": [
                {"annotator": "<bob>", "question": "helpful", "share_agreeing": FIGURE, "mean_difference": None}
            ],
        },
        "/v1/datasets": {"items": [{"name": "gold", "target": "bot"}, {"name": "no", "target": "other"}], "next": None},
    }
    return api


async def page_of(api: FakeServices, path: str) -> str:
    async with console_client(api) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    return answer.text


async def test_queues_are_listed_with_progress_and_agreement(with_queue: FakeServices) -> None:
    page = await page_of(with_queue, "/annotation")
    assert 'href="/annotation/mail"' in page
    assert "7 of 10" in page
    assert 'max="10" value="7"' in page
    assert "all alike, n=12" in page
    assert "cursor=more" in page
    with_queue.answers["/v1/annotation-queues"] = {"items": [], "next": None}
    assert "ratchet annotation create" in await page_of(with_queue, "/annotation")


async def test_an_annotator_sees_the_answer_and_the_questions_only(with_queue: FakeServices) -> None:
    page = await page_of(with_queue, "/annotation/mail")
    assert "&lt;script&gt;x" in page
    assert "Yes &lt;U+202E&gt;" in page
    assert f'data-api="/v1/annotation-queues/mail/tasks/{TASK["id"]}/annotations"' in page
    assert page.count('type="radio"') == 2 + 2 + 3
    assert 'type="number" name="answers.share" min="0.0" max="100.0"' in page
    assert "disagreement" not in page
    with_queue.answers["/v1/annotation-queues/mail/next"] = {"task": None}
    assert "Start <kbd>Enter</kbd>" in await page_of(with_queue, "/annotation/mail")
    with_queue.sign_in("read", role="viewer")
    assert "Only reviewers and admins annotate" in await page_of(with_queue, "/annotation/mail")


async def test_an_annotator_corrects_own_answers(with_queue: FakeServices) -> None:
    path = f"/annotation/mail?correct={OWN['id']}"
    assert f'href="{path}"' in await page_of(with_queue, "/annotation/mail")
    page = await page_of(with_queue, path)
    assert f'data-api="/v1/annotation-queues/mail/tasks/{OWN["id"]}/corrections"' in page
    for name, value in (("helpful", "false"), ("tone", "cold"), ("right", "0.5")):
        found = [tag for tag in page.split("<input") if f'name="answers.{name}"' in tag and "checked" in tag]
        assert [f'value="{value}"' in tag for tag in found] == [True]
    assert ">A &lt;b&gt;</textarea>" in page
    with_queue.answers["/v1/annotation-queues/mail/corrections"] = {"items": []}
    assert "corrected any more" in await page_of(with_queue, path)


async def test_results_show_agreement_annotators_and_what_to_decide(with_queue: FakeServices) -> None:
    page = await page_of(with_queue, "/annotation/mail/results")
    assert "<b>−0.25</b>" in page
    assert "[−0.50, 0.12] n=1,200" in page
    assert "&lt;bob&gt;" in page
    assert "cold" in page
    assert "disputed" in page
    assert f'data-api="/v1/annotation-queues/mail/tasks/{TASK["id"]}/decisions"' in page
    assert '<option value="gold">' in page
    assert '<option value="no">' not in page, "a dataset of another target"
    assert "answers.helpful" not in page, "only what is disputed is decided"
    with_queue.sign_in("read", role="viewer")
    page = await page_of(with_queue, "/annotation/mail/results")
    assert "/decisions" not in page
    assert "/export" not in page


def test_questions_become_choices_where_they_are_few() -> None:
    shown = [[choice.label for choice in field.choices] for field in question_fields(RUBRIC)]
    assert shown == [["Yes, up", "No, down"], ["warm", "cold"], ["0", "0.5", "1"], [], []]


def test_answers_are_counted_without_names() -> None:
    row = task_row(DISPUTED, RUBRIC)
    found = {each.name: each for each in row.answers}
    assert found.keys() == {"helpful", "tone", "right", "better"}
    assert (found["helpful"].counts, found["helpful"].outcome) == ((("up", 2),), "up")
    assert (found["tone"].counts, found["tone"].outcome) == ((("cold", 1), ("warm", 1)), None)
    assert [(it.number, it.text) for it in found["better"].texts] == [(0, "A <b>")]
    assert [field.item["name"] for field in row.disputed] == ["tone"]


def test_executions_become_tasks_if_their_texts_are_stored_and_their_users_agree() -> None:
    contexts = [{"id": "c", "text": "t"}, {"id": "d", "text": None}]
    kept = {"id": "e-1", "input": None, "output": "Yes", "contexts": contexts,
            "consent": {"quality": True, "learning": None}}  # fmt: skip
    refused = {**kept, "id": "e-2", "consent": {"quality": False, "learning": None}}
    bodies = task_bodies([kept, refused, {"id": "e-3", "output": None}, {"id": "e-4", "output": "x" * 200_001}])
    assert bodies == [
        {"execution_id": "e-1", "input": None, "output": "Yes", "contexts": [{"id": "c", "text": "t"}],
         "consent": {"quality": True, "learning": None}},
    ]  # fmt: skip
