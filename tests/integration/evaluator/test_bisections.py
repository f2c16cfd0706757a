"""Bisections in the database: probes on a part of the set, the fix in the event, and cases that must not judge it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from evaluator.domain.worker_requests import LeasedTask
from evaluator.maintenance import cancel_old_bisections
from evaluator.storage.bisections import BisectionRunRepository
from ratchet.prompt import Prompt, parse
from shared.events.bisection import BisectionCompleted, BisectionRequested
from shared.events.evaluation import EvaluationCompleted
from shared.events.quality import Cause, Measurement, RegressionResolved
from tests.support.evaluation import golden_set
from tests.support.evaluator_service import PROMPT, SCOPE, TARGET, Evaluator, requested
from tests.support.proposer import prompt

HARMFUL = "Say yes."
GOOD = prompt("You are a clerk.", HARMFUL, "Be brief.")
BAD = prompt("You are a kind clerk.", "Be brief.", "Use emojis.")
FIX = prompt("You are a kind clerk.", HARMFUL, "Be brief.", "Use emojis.")
WHERE: dict[str, Any] = {"project": SCOPE[0], "environment": SCOPE[1], "target": TARGET}


def request(good: Prompt = GOOD, bad: Prompt = BAD) -> BisectionRequested:
    return BisectionRequested(
        **WHERE, bisection_id=uuid4(), regression_id=uuid4(), name=PROMPT, good_digest=good.digest,
        good=good.to_dict(), bad_digest=bad.digest, bad=bad.to_dict(),
    )  # fmt: skip


def obey(task: LeasedTask) -> str:
    """Answer rightly if the prompt says so."""
    return "yes" if HARMFUL in str(parse(dict(task.document)).to_dict()) else "no"


async def test_harmful_change_is_found_and_the_others_stay(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(140))
    asked = request()
    await evaluator.deliver(asked, asked)
    called = set[tuple[str, str, int]]()

    def respond(task: LeasedTask) -> str:
        key = (task.digest, task.case_id, task.repeat)
        assert key not in called, "an answer to an equal prompt is taken over"
        called.add(key)
        return obey(task)

    await evaluator.run_to_end(respond)
    (event,) = await evaluator.emitted()
    assert isinstance(event, BisectionCompleted)
    assert (event.outcome, event.changes, event.digest) == ("found", 3, FIX.digest)
    (causal,) = event.causal
    assert (causal.before, causal.after, causal.effect.difference) == (HARMFUL, None, -1.0)
    assert event.restored is not None
    assert event.restored.low > -0.1
    assert event.answers == len(called)
    probes = await evaluator.evaluations()
    assert {row.state for row in probes} == {"completed"}
    assert max(row.cluster_limit for row in probes) <= 70


async def test_cases_of_the_bisection_do_not_judge_its_fix(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(140))
    await evaluator.deliver(request())
    used = set[str]()

    def respond(task: LeasedTask) -> str:
        used.add(task.case_id)
        return obey(task)

    await evaluator.run_to_end(respond)
    documents = {"base_digest": BAD.digest, "base": BAD.to_dict(), "digest": FIX.digest, "document": FIX.to_dict()}
    await evaluator.deliver(requested(**documents))
    judged = set[str]()

    def judge(task: LeasedTask) -> str:
        judged.add(task.case_id)
        return obey(task)

    await evaluator.run_to_end(judge)
    verdict = (await evaluator.emitted())[-1]
    assert isinstance(verdict, EvaluationCompleted)
    assert verdict.verdict == "pass"
    assert verdict.excluded == len(used) > 0
    assert not used & judged


@pytest.mark.parametrize(
    ("cases", "bad", "reason"),
    [
        (100, BAD, "the golden set has 100 independent cases that may be used; 120 are needed"),
        (0, BAD, "the target has no published golden set"),
        (140, prompt("You are a clerk.", "Be brief."), "the versions differ by 1 change; 2 to 20 are bisected"),
    ],
)
async def test_what_cannot_be_bisected_is_said_at_once(
    evaluator: Evaluator, cases: int, bad: Prompt, reason: str
) -> None:
    if cases:
        await evaluator.publish(golden_set(cases))
    await evaluator.deliver(request(bad=bad))
    await evaluator.run_to_end(obey)
    (event,) = await evaluator.emitted()
    assert (event.outcome, event.reason, event.answers) == ("unavailable", reason, 0)


async def test_harmless_edit_and_the_limit_of_answers_end_without_a_fix(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(140))
    await evaluator.deliver(request())
    await evaluator.run_to_end(lambda task: "yes")
    evaluator.limit_bisections(10)
    await evaluator.deliver(request())
    await evaluator.run_to_end(obey)
    harmless, limited = await evaluator.emitted()
    assert (harmless.outcome, harmless.causal, harmless.document) == ("harmless", (), None)
    assert (limited.outcome, limited.document) == ("undecided", None)
    assert limited.answers < 60


async def test_resolved_regression_and_old_age_cancel_with_the_probes(evaluator: Evaluator) -> None:
    await evaluator.publish(golden_set(140))
    first, second = request(), request()
    await evaluator.deliver(first)
    await evaluator.deliver(second)
    await evaluator.service.advance_all()
    await evaluator.bisections.advance_all()
    value = Measurement(n=1, mean=0.5, low=0.4, high=0.6)
    cause = Cause(kind="unknown", evidence="It recovered.")
    await evaluator.deliver(
        RegressionResolved(**WHERE, regression_id=first.regression_id, revision=2, metric="thumb", baseline=value,
                           current=value, resolved_by=cause)
    )  # fmt: skip
    evaluator.clock.advance(timedelta(hours=25))
    await cancel_old_bisections(evaluator.store, evaluator.clock)
    assert {row.state for row in await evaluator.rows("SELECT state FROM evaluator.bisections")} == {"cancelled"}
    assert {row.state for row in await evaluator.evaluations()} <= {"cancelled"}
    async with evaluator.store.begin() as tx:
        assert await BisectionRunRepository(tx.conn).list_due() == []
