"""Evaluations whose answers are scored by judges, too: with a real database, and a judge that is a function."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.domain.datasets import DatasetKey
from evaluator.domain.evaluation_run import RequestOrigin, requested_run
from evaluator.storage.erasures import CaseErasureRepository
from evaluator.storage.evaluations import EvaluationRunRepository
from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures, measure_agreement
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from tests.support.evaluation import golden_set
from tests.support.evaluator_service import SCOPE, Evaluator, better, requested
from tests.support.judges import rubric_judge
from tests.support.online_judgements import Judging

AGREEING = measure_agreement(rubric_judge(), [(1.0, 0.9), (0.0, 0.1)] * 50)


class JudgedRun:
    """An evaluation with a judge, and the services that work on it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.evaluator, self.judging = Evaluator(engine), Judging(engine)
        self.published = False

    async def request(self, agreement: Any = AGREEING, cases: int = 6) -> None:
        """Request an evaluation by one judge, and start it."""
        if not self.published:
            await self.evaluator.publish(golden_set(cases))
            self.published = True
        now = self.evaluator.clock.now()
        run = requested_run(requested(), RequestOrigin("correlation"), now, 1)
        judges = (JudgeFigures(rubric_judge(), agreement),)
        async with self.evaluator.store.begin() as tx:
            await EvaluationRunRepository(tx.conn).save_request(replace(run, judges=judges), "waiting", now)
        await self.evaluator.service.advance_all()

    async def run(self) -> None:
        """Answer and judge until nothing changes."""
        await self.evaluator.run_to_end(better)
        while await self.judging.judge_all():
            await self.evaluator.run_to_end(better)

    async def content(self) -> dict[str, Any]:
        [report] = await self.evaluator.reports()
        return report


@pytest.fixture
def judged(engine: AsyncEngine) -> JudgedRun:
    return JudgedRun(engine)


async def test_answers_wait_for_their_judge_and_the_report_has_its_figures(judged: JudgedRun) -> None:
    await judged.request()
    await judged.evaluator.run_to_end(better)
    assert await judged.evaluator.reports() == []  # answered, but not judged
    await judged.run()
    content = await judged.content()
    [judge] = content["judges"]
    assert (judge["digest"], judge["decides"], judge["unknown"]) == (rubric_judge().digest, True, 0)
    assert judge["answers"] == sum(len(each["candidate"]) + len(each["baseline"]) for each in content["cases"])
    names = {score["name"] for case in content["cases"] for answer in case["candidate"] for score in answer["scores"]}
    assert "judge.helpful" in names
    [row] = await judged.evaluator.rows("SELECT measurements FROM evaluator.evaluation_reports")
    assert row.measurements["judges"]["calls"] == len(judged.judging.judge.judged)


async def test_a_judge_that_does_not_agree_with_people_is_only_shown(judged: JudgedRun) -> None:
    judged.judging.judge.respond = lambda text: 0.0
    await judged.request(agreement=None)
    await judged.run()
    content = await judged.content()
    assert content["judges"][0]["decides"] is False
    assert content["pass_rate"]["mean"] == 1


async def test_one_that_does_decides(judged: JudgedRun) -> None:
    judged.judging.judge.respond = lambda text: 0.0
    await judged.request()
    await judged.run()
    assert (await judged.content())["pass_rate"]["mean"] == 0


async def test_equal_texts_are_judged_once_for_all_evaluations(judged: JudgedRun) -> None:
    await judged.request()
    await judged.run()
    before = len(judged.judging.judge.judged)
    await judged.request()
    await judged.run()
    assert len(judged.judging.judge.judged) == before
    assert len(await judged.evaluator.reports()) == 2


async def test_what_stays_unknown_is_counted_and_does_not_hold_up_the_run(judged: JudgedRun) -> None:
    def refuse(text: JudgedText) -> float:
        raise UnknownScore("the judge refused")

    judged.judging.judge.respond = refuse
    await judged.request()
    await judged.run()
    content = await judged.content()
    assert content["judges"][0]["unknown"] == content["judges"][0]["answers"] > 0
    assert "the judge refused" in json.dumps(content)
    judged.judging.clock.advance(timedelta(hours=2))
    await judged.judging.service.drop_stale()


async def test_an_erasure_in_the_dataset_leaves_no_text_that_waits(judged: JudgedRun) -> None:
    await judged.request()
    await judged.evaluator.run_to_end(better)
    assert await judged.evaluator.rows("SELECT 1 FROM evaluator.judgements WHERE judged IS NOT NULL")
    async with judged.evaluator.store.begin() as tx:
        await CaseErasureRepository(tx.conn).reset_evaluations(DatasetKey(*SCOPE, "cases"), ["sha256:other"])
    assert await judged.evaluator.rows("SELECT 1 FROM evaluator.judgements") == []
    await judged.run()
    assert (await judged.content())["judges"][0]["unknown"] == 0
