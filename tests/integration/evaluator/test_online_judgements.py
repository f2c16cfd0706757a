"""Online judging with a real database: sampling, order, budgets, scores as feedback, people, anchors."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.domain.online_judgements import JudgingRule, is_sampled
from evaluator.judge_agreement import JudgeFiguresService
from evaluator.judge_service import midnight
from evaluator.settings import EvaluatorSettings
from evaluator.storage.judgement_spend import JudgementSpendRepository
from evaluator.storage.judgements import JudgementRepository
from evaluator.storage.judges import JudgeRepository
from ratchet.signing import is_submission, secret_hash
from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from shared.events.base import subject_key
from shared.events.feedback import Consent, Replaced
from tests.support.evaluation import golden_set
from tests.support.evaluator_service import Evaluator
from tests.support.evaluator_workers import add_keys, connect
from tests.support.eventually import eventually
from tests.support.judges import rubric_judge
from tests.support.online_judgements import ANCHORS, BOT, Judging, executed, said


@pytest.fixture
def judging(engine: AsyncEngine) -> Judging:
    return Judging(engine)


async def test_scores_are_submitted_as_signed_feedback(judging: Judging) -> None:
    await judging.set_up()
    await judging.receive(executed(1), executed(2))
    assert judging.queued == 1
    assert await judging.judge_all() == 2
    first, second = sorted(await judging.emitted("feedback.submitted"), key=lambda event: event.body)
    body = json.loads(first.body)
    about = {key: body[key] for key in ("execution_id", "kind", "name", "value", "source", "evaluator")}
    assert about == {
        "execution_id": "e1", "kind": "score", "name": "helpful", "value": 0.75, "source": "judge",
        "evaluator": rubric_judge().digest,
    }  # fmt: skip
    proof = (first.key_id, first.submitted_at, first.idempotency_key, first.body, first.signature)
    assert is_submission(secret_hash("s"), "feedback.submitted", *proof)
    assert first.idempotency_key != second.idempotency_key
    [row, _] = await judging.rows("SELECT * FROM evaluator.judgements ORDER BY execution_id")
    assert (row.state, row.score, row.judged, row.calls, row.input_tokens) == ("known", 0.75, None, 1, 90)
    assert row.usd == pytest.approx((90 * 1 + 10 * 2) / 1e6)


async def test_an_execution_is_judged_once_also_if_it_is_delivered_twice(judging: Judging) -> None:
    await judging.set_up()
    await judging.receive(executed(1))
    await judging.judge_all()
    await judging.receive(executed(1))
    assert await judging.judge_all() == 0
    assert len(judging.judge.judged) == 1


async def test_what_is_not_to_be_judged_is_not_queued(judging: Judging) -> None:
    await judging.set_up()
    await judging.receive(
        executed(1, target="other"), executed(2, environment="staging"), executed(3, facts={"output": None}),
        executed(4, facts={"consent": Consent(quality=False)}), executed(5, revision=2, completes=("latency_ms",)),
    )  # fmt: skip
    assert await judging.rows("SELECT 1 FROM evaluator.judgements") == []


async def test_the_sample_is_the_same_for_everybody(judging: Judging) -> None:
    await judging.set_up(rate=0.3)
    rule = JudgingRule(BOT, "helpful", 0.3)
    await judging.receive(*(executed(number) for number in range(200)))
    rows = await judging.rows("SELECT execution_id FROM evaluator.judgements")
    wanted = {f"e{number}" for number in range(200) if is_sampled(rule, f"e{number}")}
    assert {row.execution_id for row in rows} == wanted
    assert 40 <= len(wanted) <= 80
    assert not is_sampled(replace(rule, rate=0.0), "e1")
    assert is_sampled(replace(rule, rate=1.0), "e1")


async def test_low_confidence_first_and_segments_in_turn(judging: Judging) -> None:
    await judging.set_up(stratify_by="language", confidence="sure")
    events = [
        executed(number, scores={"sure": sure}, facts={"attributes": {"language": language}})
        for number, (language, sure) in enumerate([("en", 0.9), ("en", 0.1), ("en", 0.5), ("de", 0.8), ("de", 0.2)])
    ]
    await judging.receive(*events)
    await judging.judge_all()
    asked = [text.input for text in judging.judge.judged]
    assert set(asked[:2]) == {"Question 1?", "Question 4?"}
    assert set(asked[2:4]) == {"Question 2?", "Question 3?"}
    assert asked[4] == "Question 0?"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"daily_calls": 3}, "today's budget is used up: 3 calls"),
        ({"daily_tokens": 400}, "today's budget is used up: the next call may exceed it"),
        ({"daily_usd": 0.0006}, "today's budget is used up: the next call may exceed it"),
    ],
)
async def test_a_daily_budget_is_held_and_is_new_on_the_next_day(
    judging: Judging, rule: dict[str, Any], reason: str
) -> None:
    await judging.set_up(**rule)
    await judging.receive(*(executed(number) for number in range(6)))
    await judging.judge_all()
    rows = await judging.rows("SELECT state, count(*) FROM evaluator.judgements GROUP BY state ORDER BY state")
    assert [tuple(row) for row in rows] == [("known", 3), ("waiting", 3)]
    async with judging.store.begin() as tx:
        [saved] = await JudgeRepository(tx.conn).list_rules("acme", "production")
        assert await judging.service.idle_reason(tx, saved) == reason
    judged_at = judging.clock.now()
    judging.clock.advance(timedelta(days=1))
    async with judging.store.begin() as tx:
        totals = JudgementSpendRepository(tx.conn)
        assert await totals.last_judged_at(saved.scope) == judged_at
        assert (await totals.count_of_target(saved.scope, midnight(judging.clock.now()))).known == 0
    await judging.receive(executed(100))
    assert await judging.judge_all() >= 1


async def test_an_unknown_score_is_stored_with_its_reason_and_not_submitted(judging: Judging) -> None:
    await judging.set_up()

    def refuse(judged: JudgedText) -> float:
        raise UnknownScore("the judge refused")

    judging.judge.respond = refuse
    await judging.receive(executed(1))
    await judging.judge_all()
    [row] = await judging.rows("SELECT state, score, reason, judged FROM evaluator.judgements")
    assert tuple(row) == ("unknown", None, "the judge refused", None)
    assert await judging.emitted("feedback.submitted") == []


async def test_without_a_key_of_the_environment_nothing_is_judged(judging: Judging) -> None:
    await judging.set_up()
    await judging.rows("SELECT 1")
    async with judging.engine.begin() as conn:
        await conn.exec_driver_sql("UPDATE evaluator.api_keys SET revoked = true, revision = 2")
    await judging.receive(executed(1))
    assert await judging.judge_all() == 0


async def test_a_lease_that_expired_is_judged_by_another_instance_and_what_waits_too_long_is_dropped(
    judging: Judging,
) -> None:
    await judging.set_up()
    await judging.receive(executed(1))
    async with judging.store.begin() as tx:
        assert await JudgementRepository(tx.conn).lease(judging.clock.now(), judging.clock.now(), []) is not None
    assert await judging.judge_all() == 0
    judging.clock.advance(timedelta(minutes=11))
    assert await judging.judge_all() == 1
    await judging.receive(executed(2))
    judging.clock.advance(timedelta(hours=2))
    await judging.service.drop_stale()
    [row] = await judging.rows("SELECT state, judged, reason FROM evaluator.judgements WHERE execution_id = 'e2'")
    assert tuple(row) == ("dropped", None, "not judged in time")


async def test_a_changed_judge_does_not_score_what_was_queued_before(judging: Judging) -> None:
    await judging.set_up()
    await judging.receive(executed(1))
    await judging.set_up(rubric_judge(rubric="Another one"))
    await judging.judge_all()
    [row] = await judging.rows("SELECT state, reason FROM evaluator.judgements")
    assert tuple(row) == ("unknown", "the judge was changed since this was queued")


async def test_anchors_are_scored_first_and_then_one_after_every_five_scores(judging: Judging) -> None:
    await judging.set_up(anchors=ANCHORS)
    judging.judge.respond = lambda judged: 0.75
    await judging.receive(*(executed(number) for number in range(4)))
    await judging.judge_all()
    assert await judging.emitted("judge.anchored") == []  # these are the first scores
    judging.judge.respond = lambda judged: 0.25
    await judging.receive(*(executed(number) for number in range(4, 20)))
    await judging.judge_all()
    anchored = await judging.emitted("judge.anchored")
    assert [(event.score, event.first) for event in anchored[-2:]] == [(0.25, 0.75)] * 2
    assert {event.case_id for event in anchored} == {event.case_id for event in anchored[-2:]}
    assert all(event.judge == "helpful" and event.evaluator == rubric_judge().digest for event in anchored)
    assert len(await judging.emitted("feedback.submitted")) == 20


async def agreement_of(judging: Judging) -> Any:
    async with judging.engine.connect() as conn:
        judge = await JudgeRepository(conn).get_judge("acme", "production", "helpful")
        assert judge is not None
        return await JudgeFiguresService().get_agreement(conn, judge)


async def test_agreement_with_people_by_segment(judging: Judging) -> None:
    await judging.set_up(stratify_by="language")
    judging.judge.respond = lambda judged: 1.0 if int(judged.input.split()[1][:-1]) % 2 else 0.0
    events = [executed(n, facts={"attributes": {"language": "en" if n < 40 else "de"}}) for n in range(60)]
    await judging.receive(*events)
    await judging.judge_all()
    people = [said(n, float(n % 2)) for n in range(40)] + [said(n, float(n % 4 < 2)) for n in range(40, 60)]
    await judging.receive(
        *people, said(3, 1.0, target="other"), said(1, 1.0, source="implicit"), said(2, 1.0, source="judge")
    )
    found = await agreement_of(judging)
    assert found.figures.agreement.n == 60
    by_segment = {each.segment: each.agreement for each in found.segments}
    assert by_segment["en"].value == 1.0
    assert by_segment["de"].value == pytest.approx(0.0, abs=0.3)
    assert found.figures.agreement.low < found.figures.agreement.value < found.figures.agreement.high
    assert found.figures.decides is True
    assert len(await judging.rows("SELECT 1 FROM evaluator.judged_opinions")) == 60


async def test_the_latest_opinion_of_a_person_counts_and_a_new_digest_starts_without_any(judging: Judging) -> None:
    await judging.set_up()
    await judging.receive(executed(1))
    await judging.judge_all()
    first = said(1, 1.0)
    await judging.receive(first)
    await judging.receive(said(1, 0.0, replaces=Replaced(feedback_id=first.feedback_id, value=1.0)))
    [row] = await judging.rows("SELECT value FROM evaluator.judged_opinions")
    assert row.value == 0.0
    assert (await agreement_of(judging)).figures.agreement.n == 1
    await judging.set_up(rubric_judge(rubric="Another one"))
    assert (await agreement_of(judging)).figures.agreement is None


async def test_what_people_say_counts_also_if_it_arrives_before_the_execution(judging: Judging) -> None:
    await judging.set_up()
    await judging.receive(said(1, 1.0))
    await judging.receive(executed(1))
    await judging.judge_all()
    assert (await agreement_of(judging)).figures.agreement.n == 1


async def test_an_erased_user_leaves_no_text(judging: Judging) -> None:
    await judging.set_up()
    await judging.receive(executed(1, facts={"user": "hash"}), executed(2))
    async with judging.store.begin() as tx:
        assert await JudgementRepository(tx.conn).erase_subjects([subject_key("acme", "hash")]) == 1
    [row] = await judging.rows("SELECT execution_id FROM evaluator.judgements")
    assert row.execution_id == "e2"


async def test_two_instances_share_the_queue(judging: Judging, engine: AsyncEngine) -> None:
    await judging.set_up()
    await judging.receive(*(executed(number) for number in range(12)))
    other = Judging(engine)
    await asyncio.gather(judging.judge_all(), other.judge_all())
    assert len(judging.judge.judged) + len(other.judge.judged) == 12
    assert len(await judging.emitted("feedback.submitted")) == 12


@pytest.mark.parametrize("rule", [{"daily_calls": 3}, {"daily_tokens": 500}, {"daily_usd": 0.00085}])
async def test_judgements_at_the_same_time_keep_the_budget_together(
    judging: Judging, engine: AsyncEngine, rule: dict[str, Any]
) -> None:
    await judging.set_up(**rule)
    await judging.receive(*(executed(number) for number in range(8)))
    instances = [judging, *(Judging(engine) for _ in range(3))]
    running = asyncio.Event()
    for instance in instances:
        instance.judge.before_reply = running.wait
    calls = [asyncio.create_task(instance.service.judge_next()) for instance in instances]
    await eventually(lambda: any(task.done() for task in calls))
    running.set()
    await asyncio.gather(*calls)
    assert 2 <= sum(len(instance.judge.judged) for instance in instances) <= 3
    for instance in instances:
        await instance.judge_all()
    [row] = await judging.rows(
        "SELECT sum(calls) AS calls, sum(input_tokens + output_tokens) AS tokens, sum(usd) AS usd,"
        " sum(held_tokens) AS held FROM evaluator.judgements"
    )
    assert row.held == 0
    spent = {"daily_calls": row.calls, "daily_tokens": row.tokens, "daily_usd": row.usd}
    assert all(spent[name] <= limit for name, limit in rule.items())
    assert len(await judging.emitted("feedback.submitted")) == row.calls >= 3


async def test_what_an_instance_held_that_died_counts_as_used(judging: Judging) -> None:
    await judging.set_up(daily_tokens=390)
    await judging.receive(executed(1), executed(2))
    judging.judge.before_reply = asyncio.Event().wait
    dead = asyncio.create_task(judging.service.judge_next())
    await eventually(lambda: judging.rows("SELECT 1 FROM evaluator.judgements WHERE held_tokens = 200"))
    dead.cancel()
    await asyncio.gather(dead, return_exceptions=True)
    judging.clock.advance(timedelta(minutes=11))
    judging.judge.before_reply = lambda: asyncio.sleep(0)
    await judging.judge_all()
    assert judging.judge.judged == []  # 200 of 390 tokens are used: another call may use 200
    rows = await judging.rows("SELECT sum(input_tokens + held_tokens) AS used FROM evaluator.judgements")
    assert rows[0].used == 200


async def test_anchors_are_scored_every_day_although_nothing_else_is_judged(
    judging: Judging, engine: AsyncEngine
) -> None:
    await judging.set_up(anchors=ANCHORS)
    other = Judging(engine)
    await asyncio.gather(judging.service.queue_due_anchors(), other.service.queue_due_anchors())
    assert await judging.judge_all() == 2  # the first scores
    await judging.service.queue_due_anchors()
    assert await judging.judge_all() == 0
    for day in range(2):
        judging.clock.advance(timedelta(days=1, seconds=1))
        other.clock.advance(timedelta(days=1, seconds=1))
        judging.judge.respond = lambda judged: 0.25
        await asyncio.gather(judging.service.queue_due_anchors(), other.service.queue_due_anchors())
        assert await judging.judge_all() == 2
        anchored = await judging.emitted("judge.anchored")
        assert [(event.score, event.first) for event in anchored] == [(0.25, 0.75)] * 2 * (day + 1)
    await judging.set_up(anchors=ANCHORS, rate=0.0)
    judging.clock.advance(timedelta(days=2))
    await judging.service.queue_due_anchors()
    assert await judging.judge_all() == 0


@pytest.fixture
async def tuner(settings: EvaluatorSettings, engine: AsyncEngine, judging: Judging) -> AsyncIterator[httpx.AsyncClient]:
    await add_keys(engine)
    async with connect(settings, judging.clock, "tuner") as client:
        yield client


@pytest.fixture
async def reader(
    tuner: httpx.AsyncClient, settings: EvaluatorSettings, judging: Judging
) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(settings, judging.clock, "reader") as client:
        yield client


JUDGE = {"rubric": "Does it help?", "model": "judge-1", "anchors": [{"input": "a", "output": "b"}]}


async def test_judges_and_rules_over_http(tuner: httpx.AsyncClient, reader: httpx.AsyncClient) -> None:
    made = await tuner.put("/v1/judges/helpful", json=JUDGE)
    assert made.status_code == 200, made.text
    assert (made.json()["digest"], made.json()["anchors"]) == (rubric_judge().digest, 1)
    rule = {"judge": "helpful", "rate": 0.5, "daily_usd": 2}
    assert (await tuner.put("/v1/judging/bot", json=rule)).status_code == 200
    listed = (await reader.get("/v1/judging")).json()
    [item] = listed["items"]
    assert (listed["available"], item["target"], item["rate"], item["waiting"]) == (False, "bot", 0.5, 0)
    assert "RATCHET_JUDGE_URL" in item["idle_reason"]
    [judge] = (await reader.get("/v1/judges")).json()["items"]
    assert (judge["decides"], judge["agreement"], judge["today"]["calls"]) == (False, None, 0)
    assert "agreement with people is unknown" in judge["reason"]
    assert (await reader.get("/v1/judges/other")).json()["type"].endswith("unknown-judge")
    assert (await reader.get("/v1/judging/other")).json()["type"].endswith("unknown-target")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/judges/helpful", {**JUDGE, "rubric": None}, "rubric"),
        ("/v1/judges/helpful", {**JUDGE, "model": None}, "model"),
        ("/v1/judges/helpful", {**JUDGE, "method": "oracle"}, "method"),
        ("/v1/judges/helpful", {**JUDGE, "anchors": JUDGE["anchors"] * 2}, "anchors"),  # type: ignore[operator]
        ("/v1/judging/bot", {"judge": "none", "rate": 0.5}, "judge"),
        ("/v1/judging/bot", {"judge": "helpful", "rate": 1.5}, "rate"),
    ],
)
async def test_wrong_bodies_name_the_field(tuner: httpx.AsyncClient, path: str, body: Any, field: str) -> None:
    response = await tuner.put(path, json=body)
    assert response.status_code == 422, response.text
    assert field in response.text


async def test_without_an_endpoint_no_evaluation_has_judges(tuner: httpx.AsyncClient) -> None:
    await tuner.put("/v1/judges/helpful", json=JUDGE)
    document = {"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "Answer."}]}
    body = {"target": "bot", "name": "answer", "document": document, "judges": ["helpful"]}
    refused = await tuner.post("/v1/evaluations", json=body)
    assert refused.status_code == 422
    assert "RATCHET_JUDGE_URL" in refused.text


async def test_readers_change_nothing(reader: httpx.AsyncClient) -> None:
    assert (await reader.put("/v1/judges/helpful", json=JUDGE)).status_code == 403
    assert (await reader.put("/v1/judging/bot", json={"judge": "helpful", "rate": 1})).status_code == 403


async def test_what_an_evaluation_may_use_is_known_before_it_is_started(
    tuner: httpx.AsyncClient, reader: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    path = "/v1/evaluation-estimates"
    unknown = await reader.get(path, params={"target": "support-bot"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-dataset")
    await Evaluator(engine).publish(golden_set(12))
    alone = (await reader.get(path, params={"target": "support-bot"})).json()
    assert (alone["cases"], alone["answers"], alone["calls"], alone["usd"]) == (12, 24, 0, 0.0)
    await tuner.put("/v1/judges/helpful", json=JUDGE)
    judged = (await reader.get(path, params={"target": "support-bot", "judges": "helpful", "repeats": 3})).json()
    assert (judged["judges"], judged["answers"], judged["calls"], judged["usd"]) == (["helpful"], 72, 72, None)
    assert judged["tokens"] > 72 * 300
    wrong = await reader.get(path, params={"target": "support-bot", "judges": "other"})
    assert (wrong.status_code, "judges" in wrong.text) == (422, True)
