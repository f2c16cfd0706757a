"""Evaluations whose answers are scored by judges, too: with a real database, and a judge that is a function."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.domain.datasets import DatasetKey
from evaluator.domain.evaluation_run import EvaluationRun, RequestOrigin, requested_run
from evaluator.judge_agreement import JudgeFiguresService
from evaluator.proposal_judges import ProposalJudges
from evaluator.storage.erasures import CaseErasureRepository
from evaluator.storage.evaluation_views import EvaluationFilter, EvaluationViewRepository
from evaluator.storage.evaluations import EvaluationRunRepository
from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures, measure_agreement
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from ratchet_evaluation.domain.statistics.agreement import Agreement
from shared.messaging.store import Tx
from tests.support.evaluation import golden_set
from tests.support.evaluator_service import SCOPE, Evaluator, better, requested
from tests.support.judges import rubric_judge
from tests.support.online_judgements import Judging, executed, said

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


class JudgedProposal(JudgedRun):
    """A proposal's evaluation by the judge of its target, which agrees with people."""

    def __init__(self, engine: AsyncEngine, agreement: Any = AGREEING) -> None:
        super().__init__(engine)
        self.figures, self.wait = JudgeFigures(rubric_judge(), agreement), timedelta(minutes=60)
        self.evaluator.judge_proposals(self)

    async def list_judges(self, tx: Tx, run: EvaluationRun) -> tuple[JudgeFigures, ...]:
        return (self.figures,)

    async def propose(self, cases: int = 80) -> None:
        await self.evaluator.publish(golden_set(cases))
        await self.evaluator.deliver(requested())
        await self.evaluator.service.advance_all()

    async def outcome(self) -> tuple[str, str]:
        [row] = await self.evaluator.rows("SELECT verdict, reason FROM evaluator.evaluations")
        return row.verdict, row.reason

    async def shown_state(self) -> tuple[str, Any]:
        async with self.evaluator.store.begin() as tx:
            query = EvaluationFilter(None, None, None, None, (None, None), 5)
            views = EvaluationViewRepository(tx.conn, *SCOPE)
            [view] = await views.list_evaluations(query, self.evaluator.clock.now())
        return view["shown_state"], view["judge_deadline"]


async def test_a_proposal_waits_for_its_judge_whose_scores_decide(engine: AsyncEngine) -> None:
    judged = JudgedProposal(engine)
    judged.judging.judge.respond = lambda text: 0.0  # it finds all answers bad, so that none passes
    await judged.propose(12)
    await judged.evaluator.run_to_end(better)
    deadline = judged.evaluator.clock.now() + timedelta(minutes=60)
    assert await judged.shown_state() == ("waiting for judges", deadline)
    await judged.run()
    verdict, reason = await judged.outcome()
    assert (verdict, "without the judge" in reason) == ("inconclusive", False)
    assert "with the judge helpful: kappa 1.00 [1.00, 1.00] with people (n=100), at least 0.4: it decides" in reason
    content = await judged.content()
    assert content["judges"][0]["decides"] is True
    assert content["settings"]["level"] == pytest.approx(1 - (1 - 0.95) / 2)


async def test_one_that_passes_by_both_passes(engine: AsyncEngine) -> None:
    judged = JudgedProposal(engine)
    await judged.propose()
    await judged.run()
    assert (await judged.outcome())[0] == "pass"


def refuse_all(text: JudgedText) -> float:
    raise UnknownScore("the budget of the day is used up: 100 tokens")


def fail_all(text: JudgedText) -> float:
    raise UnknownScore("the endpoint replied with status 429, 3 times")


@pytest.mark.parametrize(
    ("respond", "reason"),
    [(refuse_all, "the budget of the day is used up"), (fail_all, "judgements stayed unknown")],
)
async def test_without_scores_of_the_judge_the_verdict_of_the_others_stands(
    engine: AsyncEngine, respond: Callable[[JudgedText], float], reason: str
) -> None:
    judged = JudgedProposal(engine)
    judged.judging.judge.respond = respond
    await judged.propose()
    await judged.run()
    verdict, said = await judged.outcome()
    assert verdict == "pass"
    assert "without the judge helpful: " in said
    assert reason in said
    content = await judged.content()
    assert (content["judges"][0]["decides"], reason in content["judges"][0]["dropped"]) == (False, True)
    scores = [score for case in content["cases"] for answer in case["candidate"] for score in answer["scores"]]
    assert {score["score"] for score in scores if score["name"] == "judge.helpful"} <= {None}  # unknown, never 0


async def test_answers_that_a_judge_is_not_asked_about_are_not_unknown(engine: AsyncEngine) -> None:
    judged = JudgedProposal(engine)
    judged.figures = JudgeFigures(rubric_judge(), Agreement(0.41, 0.2, 0.6, 120, 120))
    judged.figures = replace(judged.figures, dropped=judged.figures.reason)
    await judged.propose()
    await judged.run()
    verdict, said = await judged.outcome()
    assert verdict == "pass"
    assert "without the judge helpful: kappa 0.41 [0.20, 0.60] with people (n=120)" in said
    [judge] = (await judged.content())["judges"]
    assert (judge["decides"], judge["answers"], judge["unknown"]) == (False, 0, 0)
    assert judge["not_judged"] > 0
    assert judged.judging.judge.judged == []


async def test_after_the_deadline_the_verdict_of_the_others_stands(engine: AsyncEngine) -> None:
    judged = JudgedProposal(engine)
    await judged.propose()
    await judged.evaluator.run_to_end(better)
    judged.evaluator.clock.advance(timedelta(minutes=59))
    await judged.evaluator.run_to_end(better)
    assert await judged.evaluator.reports() == []
    judged.evaluator.clock.advance(timedelta(minutes=2))
    await judged.evaluator.run_to_end(better)
    verdict, reason = await judged.outcome()
    assert verdict == "pass"
    assert "were not judged by" in reason
    assert await judged.evaluator.rows("SELECT 1 FROM evaluator.judgements WHERE state = 'waiting'") == []
    assert await judged.judging.judge_all() == 0


async def test_two_instances_come_to_one_report_when_the_judge_is_dropped(engine: AsyncEngine) -> None:
    judged = JudgedProposal(engine)
    other = Evaluator(engine, judged.evaluator.clock)
    other.judge_proposals(judged)
    await judged.propose()
    await judged.evaluator.run_to_end(better)
    await other.service.advance_all()
    judged.evaluator.clock.advance(timedelta(hours=2))
    await asyncio.gather(judged.evaluator.service.advance_all(), other.service.advance_all())
    await other.run_to_end(better)
    await judged.evaluator.run_to_end(better)
    assert (await judged.outcome())[0] == "pass"
    assert len(await judged.evaluator.reports()) == 1


async def test_the_judge_of_a_proposal_is_that_of_its_target_and_has_to_agree_with_people(engine: AsyncEngine) -> None:
    judging, evaluator = Judging(engine), Evaluator(engine)
    found = ProposalJudges(judging.service, JudgeFiguresService(), timedelta(hours=1))
    run = requested_run(requested(target="bot"), RequestOrigin("correlation"), evaluator.clock.now(), 1)
    await judging.set_up()
    async with evaluator.store.begin() as tx:
        assert await found.list_judges(tx, run) == ()  # its rule does not ask for it
    await judging.set_up(judge_proposals=True)
    async with evaluator.store.begin() as tx:
        [figures] = await found.list_judges(tx, run)
    assert (figures.judge.name, figures.decides) == ("helpful", False)
    assert "agreement with people is unknown" in (figures.dropped or "")
    judging.judge.respond = lambda text: 1.0 if int(text.input.split()[1][:-1]) % 2 else 0.0
    await judging.receive(*(executed(number) for number in range(60)))
    await judging.judge_all()
    await judging.receive(*(said(number, float(number % 2)) for number in range(60)))
    async with evaluator.store.begin() as tx:
        [figures] = await found.list_judges(tx, run)
    assert (figures.decides, figures.dropped) == (True, None)
