"""From a regression to a proven fix, across proposer and evaluator, on the response model of the demo's bot."""

import hashlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from evaluator.domain.worker_requests import LeasedTask
from proposer.settings import ProposerSettings
from ratchet.prompt import parse, render, smallest_fix
from ratchet_demo.knowledge import articles_text
from ratchet_demo.response_model import respond
from ratchet_evaluation.domain.prompt_hunks import PromptHunks
from shared.events.bisection import BisectionCompleted
from shared.events.evaluation import EvaluationCompleted, EvaluationRequested
from shared.events.feedback import PromptObserved
from shared.events.proposals import ProposalReady
from shared.runtime.database import engine as engine_of
from tests.simulation.evaluation.test_bisection import HARMFUL, cases, edited, good
from tests.support.databases import as_role
from tests.support.evaluator_service import PROMPT, SCOPE, TARGET, Evaluator
from tests.support.messaging import NOW
from tests.support.proposer import cause, regression
from tests.support.proposer_service import Proposer

WHERE: dict[str, Any] = {"project": SCOPE[0], "environment": SCOPE[1], "target": TARGET}
CAUSAL = HARMFUL[0]


@pytest.fixture
async def proposer(migrated_dsn: Callable[..., str]) -> AsyncIterator[Proposer]:
    dsn = as_role(migrated_dsn("proposer"), "ratchet_proposer")
    engine = engine_of(ProposerSettings(database_url=dsn, kafka_bootstrap="127.0.0.1:9"))
    yield Proposer(engine)
    await engine.dispose()


def answer(task: LeasedTask) -> str:
    """Answer as the bot does with the prompt of the task."""
    question = cases()[1][task.case_id]
    messages = render(parse(dict(task.document)), {"articles": articles_text(), "question": question.text})
    seed = hashlib.sha256(f"{task.digest} {task.case_id} {task.repeat}".encode()).digest()
    return respond(messages, question, random.Random(seed)).text


def evaluation_of(proposal: ProposalReady) -> EvaluationRequested:
    """Return what the gatekeeper requests for a proposal."""
    assert proposal.rollback is not None
    return EvaluationRequested(
        **WHERE, proposal_id=proposal.proposal_id, revision=1, kind=proposal.kind, name=proposal.name,
        base_digest=proposal.base_digest, base=proposal.rollback, digest=proposal.digest,
        document=proposal.document, execution_ids=proposal.evidence.execution_ids,
    )  # fmt: skip


async def test_only_the_harmful_line_is_proposed_and_the_other_cases_prove_it(
    proposer: Proposer, evaluator: Evaluator
) -> None:
    edits = (edited(random.Random(seed), [CAUSAL]) for seed in range(100))
    bad = next(edit for edit in edits if smallest_fix(good(), edit).kind == "rollback")
    changes = len(PromptHunks(good(), bad).hunks)
    await evaluator.publish(cases()[0])
    for minute, document in enumerate((good(), bad)):
        await proposer.deliver(
            PromptObserved(**WHERE, name=PROMPT, digest=document.digest, document=document.to_dict(),
                           first_seen=NOW.replace(minute=minute))
        )  # fmt: skip
    fell = regression(cause(good().digest, bad.digest, name=PROMPT), **WHERE)
    await proposer.deliver(fell)

    await evaluator.deliver(*await proposer.requested_bisections())
    await evaluator.run_to_end(answer)
    (found,) = await evaluator.emitted()
    assert isinstance(found, BisectionCompleted)
    assert [change.before for change in found.causal if change.before] == [
        line for line in str(good().to_dict()["messages"]).split("\\n") if line.startswith(CAUSAL)
    ]
    await proposer.deliver(found)
    rule, withdrawal, fix = await proposer.emitted()
    assert (rule.kind, rule.digest, withdrawal.reason) == ("rollback", good().digest, "superseded")
    assert isinstance(fix, ProposalReady)
    assert fix.kind == "restore"
    assert f"Undoes 1 of {changes} changes" in fix.evidence.summary

    await evaluator.deliver(evaluation_of(fix))
    await evaluator.run_to_end(answer)
    verdict = (await evaluator.emitted())[-1]
    assert isinstance(verdict, EvaluationCompleted)
    assert (verdict.verdict, verdict.excluded > 0) == ("pass", True)
    assert verdict.cases + verdict.excluded <= 300
