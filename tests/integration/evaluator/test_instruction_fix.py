"""From an unexplained regression to a proven instruction, across proposer and evaluator, with a scripted model."""

import json
from typing import Any

from proposer.instruction_drafter import InstructionDrafter
from proposer.instruction_service import DraftRules
from ratchet.prompt import parse
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from shared.events.evaluation import CandidateDrafted, EvaluationCompleted
from shared.events.feedback import PromptObserved
from shared.events.proposals import ProposalReady
from shared.events.quality import Cause
from tests.integration.evaluator.test_bisected_fix import CAUSAL, WHERE, answer, evaluation_of, proposer
from tests.simulation.evaluation.test_bisection import cases, good
from tests.support.evaluator_service import PROMPT, Evaluator
from tests.support.judges import FakeEndpoint, completion
from tests.support.messaging import NOW
from tests.support.proposer import regression
from tests.support.proposer_service import Proposer

__all__ = ["proposer"]


def without_line() -> tuple[Any, str]:
    """Return the bot's prompt without the line that makes its answers good, and the line."""
    document = json.loads(json.dumps(good().to_dict()))
    message = document["messages"][0]
    line = next(line for line in message["content"].split("\n") if line.startswith(CAUSAL))
    message["content"] = "\n".join(each for each in message["content"].split("\n") if each != line)
    return parse(document), line


async def test_the_instruction_that_was_missing_is_found_among_others(proposer: Proposer, evaluator: Evaluator) -> None:
    base, line = without_line()
    edits = [{"intent": text, "message": 0, "old": "", "new": text} for text in ("Be friendly.", line, "Be formal.")]
    model = FakeEndpoint([completion(json.dumps({"edits": edits}))])
    proposer.instructions.rules = DraftRules(model=True, success_threshold=0.8)
    drafter = InstructionDrafter(
        proposer.store, proposer.clock, proposer.instructions, model.client(attempts=1), ModelEndpoint("http://m", "m")
    )
    await evaluator.publish(cases()[0])
    await proposer.deliver(
        PromptObserved(**WHERE, name=PROMPT, digest=base.digest, document=base.to_dict(), first_seen=NOW)
    )
    await proposer.deliver(regression(Cause(kind="unknown", evidence="Nothing changed."), **WHERE))
    assert await drafter.draft_next()
    requests = [event for event in await proposer.emitted() if isinstance(event, CandidateDrafted)]
    assert len(requests) == 3
    await evaluator.deliver(*requests)
    await evaluator.run_to_end(answer)
    found = await evaluator.emitted()
    assert all(isinstance(event, EvaluationCompleted) and event.drafted for event in found)
    await proposer.deliver(*found)
    (ready,) = [event for event in await proposer.emitted() if isinstance(event, ProposalReady)]
    assert ready.evidence.instruction is not None
    assert ready.evidence.instruction.intent == line
    assert ready.evidence.instruction.low > 0.0

    await evaluator.deliver(evaluation_of(ready))
    await evaluator.run_to_end(answer)
    verdict = (await evaluator.emitted())[-1]
    assert (verdict.verdict, verdict.drafted) == ("pass", False)
