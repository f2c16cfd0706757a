"""Annotation queues over HTTP: rubric, tasks, annotations, disagreement, results and cases."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.app import build_app
from evaluator.settings import EvaluatorSettings
from evaluator.storage.annotations import ConsensusRating, load_consensus
from shared.testing.clock import FakeClock
from tests.support.annotation import PATH, RUBRIC, Annotators, add_people, answers, key_of, task_body
from tests.support.api_document import service_check
from tests.support.messaging import NOW


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
async def people(settings: EvaluatorSettings, engine: AsyncEngine, clock: FakeClock) -> AsyncIterator[Annotators]:
    await add_people(engine)
    app = build_app(settings, clock)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", event_hooks=service_check("evaluator")
    ) as client:
        yield Annotators(client)
    await app.state.keys._engine.dispose()


async def test_a_queue_is_created_and_changed_until_somebody_begins(people: Annotators) -> None:
    body = {"target": "bot", "rubric": RUBRIC}
    created = await people.client.put(PATH, json=body, headers=key_of("ann"))
    assert created.status_code == 201
    view = created.json()
    assert (view["annotators"], view["reservation_minutes"], view["instructions"]) == (1, 10, "")
    assert view["rubric"][2] == {
        "name": "right", "kind": "score", "title": "How right is it?", "required": True, "metric": "score.right",
        "labels": None, "low": 1.0, "high": 5.0, "step": 1.0, "tolerance": 1.0,
    }  # fmt: skip
    assert view["tasks"] == {"open": 0, "agreed": 0, "disagreement": 0, "adjudicated": 0}
    changed = await people.client.put(PATH, json={**body, "instructions": "Be strict."}, headers=key_of("robot"))
    assert (changed.status_code, changed.json()["instructions"]) == (200, "Be strict.")
    elsewhere = await people.client.put(PATH, json={**body, "target": "another"}, headers=key_of("ann"))
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "target-fixed")
    fewer = {**body, "rubric": RUBRIC[:3]}
    assert (await people.client.put(PATH, json=fewer, headers=key_of("ann"))).status_code == 200
    await people.create(1)
    await people.reserve("bob")
    late = await people.client.put(PATH, json=fewer, headers=key_of("ann"))
    assert (late.status_code, late.json()["code"]) == (409, "rubric-fixed")
    again = await people.client.put(PATH, json={**body, "annotators": 3}, headers=key_of("ann"))
    assert (again.status_code, again.json()["annotators"]) == (200, 3)
    listed = (await people.client.get("/v1/annotation-queues", headers=key_of("viewer"))).json()["items"]
    assert [it["name"] for it in listed] == ["answers"]
    assert (await people.client.get("/v1/annotation-queues", headers=key_of("other"))).json()["items"] == []


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"name": "a b"}, "rubric.0.name"),
        ({"kind": "comment", "metric": "thumb"}, "rubric.0.metric"),
        ({"labels": [{"name": "a"}, {"name": "b"}]}, "rubric.0.labels"),
        ({"kind": "label", "labels": [{"name": "a"}]}, "rubric.0.labels"),
        ({"kind": "label", "labels": [{"name": "a"}, {"name": "a"}]}, "rubric.0.labels.1.name"),
        ({"kind": "label", "metric": "m", "labels": [{"name": "a"}, {"name": "b"}]}, "rubric.0.labels.0.value"),
        ({"kind": "label", "labels": [{"name": "a", "value": 1}, {"name": "b"}]}, "rubric.0.labels.0.value"),
        ({"kind": "score", "low": 5, "high": 1}, "rubric.0.high"),
        ({"kind": "score", "low": 0, "high": 1, "step": 0.3}, "rubric.0.step"),
        ({"kind": "score", "low": 0, "high": 1000}, "rubric.0.step"),
        ({"kind": "stars"}, "rubric.0.kind"),
    ],
)
async def test_a_wrong_rubric_names_its_field(people: Annotators, question: dict[str, Any], field: str) -> None:
    rubric = [{"name": "q", "kind": "thumb", "title": "?", **question}]
    answer = await people.client.put(PATH, json={"target": "bot", "rubric": rubric}, headers=key_of("ann"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text


async def test_annotators_see_nothing_that_could_sway_them(people: Annotators) -> None:
    await people.create()
    context = {"id": "c-1", "text": "Returns take 30 days."}
    body = [task_body(1, contexts=[context], consent={"quality": True}), task_body(2), task_body(1)]
    assert (await people.post("robot", "tasks", {"tasks": body})).json() == {"added": 2, "repeated": 1}
    assert (await people.post("robot", "tasks", {"tasks": body})).json() == {"added": 0, "repeated": 3}
    refused = await people.post("ann", "tasks", {"tasks": [task_body(3), task_body(4, consent={"quality": False})]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "tasks.1.consent.quality")
    tasks = [await people.reserve(name) for name in ("ann", "bob")]
    assert all(task is not None and task.keys() == {
        "id", "token", "input", "output", "contexts", "reserved_at", "expires_at"
    } for task in tasks)  # fmt: skip
    assert sorted(len(task["contexts"]) for task in tasks if task) == [0, 1]
    assert (await people.get("ann", "/next")).json()["task"] == tasks[0]
    assert (await people.get("viewer", "/next")).json()["task"] is None


async def test_only_people_annotate(people: Annotators) -> None:
    await people.create(1)
    for name, code in (("robot", "person-required"), ("viewer", "scope-missing")):
        refused = await people.post(name, "next")
        assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert (await people.post("other", "next")).status_code == 404
    names = await people.get("viewer", "/annotations")
    assert (names.status_code, names.json()["code"]) == (403, "scope-missing")


async def test_a_submission_counts_once_and_wrong_answers_are_named(people: Annotators) -> None:
    await people.create(1, annotators=2)
    task = await people.reserve("ann")
    assert task is not None
    wrong = await people.submit("ann", task, answers(right=9))
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "answers.right")
    first = await people.submit("ann", task, answers())
    assert first.json() == {"repeated": False, "state": "open"}
    assert (await people.submit("ann", task, answers())).json() == {"repeated": True, "state": "open"}
    other = await people.submit("ann", task, answers(right=2))
    assert (other.status_code, other.json()["code"]) == (409, "annotation-exists")
    assert await people.reserve("ann") is None
    assert (await people.submit("bob", task, answers())).json()["code"] == "reservation-ended"
    unknown = await people.post("ann", f"tasks/{uuid4()}/annotations", {"token": task["token"], "answers": answers()})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-task")


async def test_an_expired_reservation_is_given_to_another_and_a_late_answer_refused(
    people: Annotators, clock: FakeClock
) -> None:
    await people.create(1, reservation_minutes=5)
    task = await people.reserve("ann")
    assert task is not None
    assert await people.reserve("bob") is None
    clock.advance(timedelta(minutes=4))
    renewed = await people.reserve("ann")
    assert renewed is not None
    assert (renewed["token"], renewed["expires_at"] > task["expires_at"]) == (task["token"], True)
    clock.advance(timedelta(minutes=5))
    late = await people.submit("ann", task, answers())
    assert (late.status_code, late.json()["code"]) == (409, "reservation-ended")
    taken = await people.reserve("bob")
    assert taken is not None
    assert (taken["id"], taken["token"] != task["token"]) == (task["id"], True)
    assert (await people.submit("ann", task, answers())).json()["code"] == "reservation-ended"
    assert (await people.submit("bob", taken, answers())).json() == {"repeated": False, "state": "agreed"}
    assert await people.reserve("ann") is None


async def test_a_skipped_task_goes_to_others_only(people: Annotators) -> None:
    await people.create(1)
    task = await people.reserve("ann")
    assert task is not None
    for _ in range(2):
        assert (await people.skip("ann", task)).json() == {"skipped": True}
    assert await people.reserve("ann") is None
    assert (await people.submit("ann", task, answers())).json()["code"] == "reservation-ended"
    [again] = await people.annotate("bob", answers())
    assert again["id"] == task["id"]


async def test_a_task_that_others_have_passed_comes_back_to_them(people: Annotators) -> None:
    await people.create(2)
    first = await people.reserve("ann")
    assert first is not None
    [second] = await people.annotate("bob", answers())
    assert await people.reserve("bob") is None
    await people.skip("ann", first)
    [back] = await people.annotate("bob", answers())
    assert (back["id"] == first["id"], back["id"] != second["id"]) == (True, True)


async def test_experts_decide_what_annotators_disagree_about(people: Annotators, engine: AsyncEngine) -> None:
    await people.create(2, annotators=2)
    first, _ = await people.annotate("ann", answers(right=5), answers(helpful=False))
    await people.annotate("bob", answers(right=2, note="Wrong number"), answers(helpful=False))
    assert (await people.get("viewer")).json()["tasks"] == {
        "open": 0, "agreed": 1, "disagreement": 1, "adjudicated": 0
    }  # fmt: skip
    [disputed] = (await people.get("viewer", "/tasks")).json()["items"]
    assert (disputed["id"], disputed["disputed"]) == (first["id"], ["right"])
    assert disputed["answers"] == [answers(right=5), answers(right=2, note="Wrong number")]
    path = f"tasks/{first['id']}/decisions"
    own = await people.post("ann", path, {"answers": {"right": 3}})
    assert (own.status_code, own.json()["code"]) == (403, "own-annotation")
    for wrong, field in (({}, "answers.right"), ({"right": 3, "tone": "cold"}, "answers.tone")):
        refused = await people.post("cem", path, {"answers": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    decided = await people.post("cem", path, {"answers": {"right": 3}})
    assert decided.status_code == 200, decided.text
    assert (decided.json()["state"], decided.json()["decided_by"]) == ("adjudicated", "cem")
    assert decided.json()["outcome"] == answers(right=3)
    assert (await people.post("cem", path, {"answers": {"right": 3}})).json() == decided.json()
    again = await people.post("dee", path, {"answers": {"right": 4}})
    assert (again.status_code, again.json()["code"]) == (409, "no-disagreement")
    async with engine.connect() as conn:
        right = await load_consensus(conn, "acme", "production", "score.right")
        helpful = await load_consensus(conn, "acme", "production", "thumb.helpful")
    assert sorted(it.value for it in right) == [0.5, 0.75]
    assert sorted(helpful) == [ConsensusRating("e-0", helpful[0].value, 2), ConsensusRating("e-1", helpful[1].value, 2)]
    assert sorted(it.value for it in helpful) == [0.0, 1.0]


async def test_results_say_how_well_annotators_agree(people: Annotators) -> None:
    await people.create(12, annotators=2)
    await people.annotate("ann", *(answers(helpful=n % 2 == 0, right=n % 5 + 1) for n in range(12)))
    assert (await people.get("viewer", "/results")).json()["agreement"][0]["krippendorff_alpha"]["n"] == 0
    await people.annotate("bob", *(answers(helpful=n % 2 == 0 and n > 0, right=n % 5 + 1) for n in range(12)))
    found = (await people.get("viewer", "/results")).json()
    helpful, tone, right = found["agreement"]
    assert helpful["question"] == "helpful"
    assert (helpful["cohen_kappa"]["n"], round(helpful["cohen_kappa"]["value"], 3)) == (12, round(5 / 6, 3))
    assert helpful["cohen_kappa"]["low"] < helpful["cohen_kappa"]["value"] <= helpful["cohen_kappa"]["high"]
    assert helpful["fleiss_kappa"]["n"] == 12
    assert (tone["cohen_kappa"]["value"], tone["krippendorff_alpha"]["value"]) == (None, None), "nobody varied"
    assert (right["cohen_kappa"], right["krippendorff_alpha"]["value"]) == (None, 1.0)
    shares = {(it["annotator"], it["question"]): it["share_agreeing"]["value"] for it in found["annotators"]}
    assert round(shares["bob", "helpful"], 3) == round(11 / 12, 3)
    lower = next(it for it in found["annotators"] if (it["annotator"], it["question"]) == ("bob", "helpful"))
    assert round(lower["mean_difference"]["value"], 3) == round(-1 / 12, 3)
    assert (await people.get("viewer")).json()["agreement"] == found["agreement"]


async def test_annotations_are_exported_with_names_once_they_are_complete(people: Annotators) -> None:
    await people.create(3, annotators=2)
    await people.annotate("ann", answers(), answers(), answers())
    await people.annotate("bob", answers(), answers(tone="cold"))
    lines = (await people.get("ann", "/export")).text.splitlines()
    exported = [json.loads(line) for line in lines]
    assert [[it["annotator"] for it in task["annotations"]] for task in exported] == [["ann", "bob"]] * 2
    assert {task["state"] for task in exported} == {"agreed", "disagreement"}
    assert all(task["execution_id"] for task in exported)
    page = (await people.get("ann", "/annotations", limit=1)).json()
    following = (await people.get("ann", "/annotations", limit=1, cursor=page["next"])).json()
    assert [*page["items"], *following["items"]] == exported


async def test_a_better_answer_is_proposed_as_a_case(people: Annotators) -> None:
    await people.create(1, annotators=2)
    [task] = await people.annotate("ann", answers(better="Within 30 days, and it is free."))
    path = f"tasks/{task['id']}/cases"
    body = {"dataset": "returns", "question": "better"}
    assert (await people.post("ann", path, body)).status_code == 404, "its annotations are not complete"
    await people.annotate("bob", answers(better="In 30 days."))
    assert (await people.post("ann", path, {**body, "annotation": 0})).json()["code"] == "unknown-dataset"
    await people.client.put("/v1/datasets/returns", json={"target": "bot"}, headers=key_of("ann"))
    for wrong, field in (
        (body, "annotation"),
        ({**body, "annotation": 2}, "annotation"),
        ({**body, "annotation": 0, "evaluators": ["none"]}, "case.evaluators[0].name"),
        ({**body, "question": "note"}, "question"),
    ):
        refused = await people.post("ann", path, wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    for added, repeated in ((1, 0), (0, 1)):
        made = await people.post("ann", path, {**body, "annotation": 0})
        assert (made.json()["added"], made.json()["repeated"]) == (added, repeated), made.text
    [case] = (await people.client.get("/v1/datasets/returns/cases", headers=key_of("ann"))).json()["items"]
    assert (case["state"], case["case"]["reference"]) == ("proposed", "Within 30 days, and it is free.")
    assert (case["case"]["origin"], case["case"]["input"]) == ("execution:e-0", "question 0?")


async def test_a_person_corrects_answers_until_the_task_is_decided(people: Annotators, clock: FakeClock) -> None:
    await people.create(1, annotators=2)
    task = await people.reserve("ann")
    assert task is not None
    nothing = await people.correct("bob", task, answers())
    assert (nothing.status_code, nothing.json()["code"]) == (404, "unknown-annotation")
    await people.submit("ann", task, answers(helpful=True, right=4))
    wrong = await people.correct("ann", task, answers(right=9))
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "answers.right")
    clock.advance(timedelta(minutes=30))  # the reservation has ended long ago
    assert (await people.correct("ann", task, answers(helpful=False, right=4))).json() == {"state": "open"}
    other = await people.reserve("bob")
    assert other is not None
    assert (await people.submit("bob", other, answers(helpful=True, right=4))).json()["state"] == "disagreement"
    [own] = (await people.get("ann", "/corrections")).json()["items"]
    assert (own["id"], own["answers"]["helpful"], own["output"]) == (task["id"], False, "answer 0")
    assert (await people.get("viewer", "/corrections")).json()["items"] == []
    assert (await people.correct("ann", task, answers(helpful=True, right=4))).json() == {"state": "agreed"}
    late = await people.correct("ann", task, answers(helpful=False, right=4))
    assert (late.status_code, late.json()["code"]) == (409, "task-decided")
    assert (await people.get("ann", "/corrections")).json()["items"] == []
    [exported] = (await people.get("ann", "/annotations")).json()["items"]
    first, second = exported["annotations"]
    assert [each["answers"]["helpful"] for each in first["replaced"]] == [True, False]
    assert (first["answers"]["helpful"], second["replaced"]) == (True, [])
    assert exported["outcome"]["helpful"] is True


async def test_agreement_rests_on_what_people_answered_blind(people: Annotators, engine: AsyncEngine) -> None:
    await people.create(2, annotators=2)
    for name, helpful in (("ann", True), ("bob", False)):
        for _ in range(2):
            task = await people.reserve(name)
            assert task is not None
            await people.submit(name, task, answers(helpful=helpful))
    [task, _] = (await people.get("ann", "/corrections")).json()["items"]
    assert (await people.correct("ann", task, answers(helpful=False))).json() == {"state": "agreed"}
    found = (await people.get("viewer", "/results")).json()
    [share] = [
        each["share_agreeing"] for each in found["annotators"]
        if (each["annotator"], each["question"]) == ("ann", "helpful")
    ]  # fmt: skip
    assert (share["value"], share["n"]) == (0.0, 2)  # not 0.5: the others' answers could be seen
    async with engine.connect() as conn:
        [rating] = await load_consensus(conn, "acme", "production", "thumb.helpful")
    assert (rating.value, rating.annotators) == (0.0, 2)


async def test_the_only_annotator_of_a_task_corrects_its_outcome(people: Annotators, engine: AsyncEngine) -> None:
    await people.create(1)
    task = await people.reserve("ann")
    assert task is not None
    assert (await people.submit("ann", task, answers(helpful=True))).json()["state"] == "agreed"
    assert (await people.correct("ann", task, answers(helpful=False))).json() == {"state": "agreed"}
    async with engine.connect() as conn:
        [rating] = await load_consensus(conn, "acme", "production", "thumb.helpful")
    assert rating.value == 0.0
