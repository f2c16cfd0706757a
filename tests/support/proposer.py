"""Prompts, regressions and liked answers for tests of the proposer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from proposer.domain.example_text import input_key
from proposer.domain.model import Candidate, PromptKey
from proposer.domain.pool_entries import PoolEntry
from proposer.domain.proposals import SelectedExamples
from proposer.domain.question_sample import Questions
from proposer.domain.text_vectors import HashedNgrams
from ratchet.prompt import Prompt, parse
from shared.events import derived_id
from shared.events.bisection import BisectionCompleted, CausalChange, Effect
from shared.events.feedback import Consent, ExecutionFacts, FeedbackCreated, PromptUse, Replaced
from shared.events.promotion import Authorisation, PromptLive, Signature
from shared.events.proposals import RemovalReason
from shared.events.quality import Cause, Measurement, RegressionDetected, Window
from tests.support.prompts import minimal

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = PromptKey("acme", "production", "answer")
SLOT = {"messages": [{"role": "system", "content": "Help."}, {"slot": "examples"}], "slots": {"examples": {}}}


def prompt(*lines: str, **parts: Any) -> Prompt:
    """Return a document with one system message."""
    message = {"role": "system", "content": "\n".join(lines)}
    return parse(minimal(**{"messages": [message], **parts}))


def slotted(**parts: Any) -> Prompt:
    """Return a document with the empty slot `examples`."""
    return parse(minimal(**{**SLOT, **parts}))


def cause(before: str | None, after: str | None, **fields: Any) -> Cause:
    given = {"kind": "prompt_version", "name": "answer", "before": before, "after": after, "evidence": "It changed."}
    return Cause(**{**given, **fields})


def regression(*causes: Cause, **fields: Any) -> RegressionDetected:
    """Return a regression of thumbs up from 0.9 to 0.7."""
    given: dict[str, Any] = {
        "project": "acme",
        "environment": "production",
        "target": "bot",
        "regression_id": derived_id("regression", "1"),
        "revision": 1,
        "metric": "thumb",
        "direction": "higher_is_better",
        "window": Window(start=NOW - timedelta(hours=1), end=NOW),
        "baseline": Measurement(n=500, mean=0.9, low=0.87, high=0.93),
        "current": Measurement(n=120, mean=0.7, low=0.62, high=0.78),
        "delta_pp": -20.0,
        "method": "test",
        "alpha": 0.05,
        "affected_executions": ("e1", "e2"),
        "causes": causes,
    }
    return RegressionDetected(**{**given, **fields})


def bisected(regression_id: UUID, good: Prompt, bad: Prompt, fix: Prompt, **fields: Any) -> BisectionCompleted:
    """Return a bisection that blames the removal of a line: `before`."""
    change = CausalChange(
        path="messages[0] line 2",
        before=fields.pop("before", "Cite your sources."),
        after=None,
        effect=Effect(cases=38, difference=-0.31, low=-0.45, high=-0.18),
    )
    given: dict[str, Any] = {
        "project": "acme", "environment": "production", "target": "bot", "name": "answer",
        "bisection_id": derived_id("bisection", str(regression_id)), "regression_id": regression_id,
        "good_digest": good.digest, "bad_digest": bad.digest, "outcome": "found", "reason": "1 of 3", "changes": 3,
        "causal": (change,), "digest": fix.digest, "document": fix.to_dict(),
        "restored": Effect(cases=70, difference=-0.01, low=-0.08, high=0.06), "answers": 200, "completed_at": NOW,
    }  # fmt: skip
    return BisectionCompleted(**{**given, **fields})


def feedback(number: int, **fields: Any) -> FeedbackCreated:
    """Return a thumb up, sent with a secret key by the user who asked, with consent to learning; later by `number`."""
    at = NOW - timedelta(hours=1) + timedelta(seconds=number)
    given: dict[str, Any] = {
        "project": "acme",
        "environment": "production",
        "target": "bot",
        "feedback_id": derived_id("feedback", str(number)),
        "kind": "thumb",
        "key_scope": "ingest",
        "value": 1.0,
        "user": f"user-{number}",
        "consent": Consent(learning=True),
        "execution": execution(number),
        "occurred_at": at,
        "received_at": at,
    }
    return FeedbackCreated(**{**given, **fields})


def execution(number: int, **fields: Any) -> ExecutionFacts:
    """Return an execution: a question of a separate user, who agreed to learning, and its answer."""
    given: dict[str, Any] = {
        "execution_id": f"e{number}",
        "prompts": (PromptUse(name="answer"),),
        "input": f"Question {number}?",
        "output": f"Answer {number}.",
        "user": f"user-{number}",
        "consent": Consent(learning=True),
        "occurred_at": NOW - timedelta(hours=2),
    }
    return ExecutionFacts(**{**given, **fields})


def instead_of(number: int, value: float | None = 1.0, label: str | None = None) -> Replaced:
    """Return the feedback with that number as replaced by later feedback."""
    return Replaced(feedback_id=derived_id("feedback", str(number)), value=value, label=label)


def candidate(number: int, **fields: Any) -> Candidate:
    """Return the candidate that results from `feedback(number)`."""
    at = NOW - timedelta(hours=1) + timedelta(seconds=number)
    asked = fields.get("input", f"Question {number}?")
    user = fields.get("user", f"user-{number}")
    given: dict[str, Any] = {
        "key": KEY,
        "target": "bot",
        "digest": None,
        "feedback_id": derived_id("feedback", str(number)),
        "execution_id": f"e{number}",
        "score": 1.0,
        "input": asked,
        "output": f"Answer {number}.",
        "input_key": input_key(asked),
        "user": user,
        "contributor": user,
        "grant_eligible": True,
        "occurred_at": at,
        "received_at": at,
        "trusted": True,
    }
    return Candidate(**{**given, **fields})


def entry(number: int, asked: str | None = None, **fields: Any) -> PoolEntry:
    """Return the pool entry of `candidate(number)`."""
    question = asked if asked is not None else f"Question {number}?"
    given: dict[str, Any] = {
        "feedback_id": derived_id("feedback", str(number)), "input_key": input_key(question),
        "contributor": f"user-{number}", "quality": 1.0, "needs_no_decision": True, "reviewed": False, "trusted": True,
        "tokens": 10, "received_at": NOW - timedelta(hours=1) + timedelta(seconds=number),
    }  # fmt: skip
    return PoolEntry(**{**given, **fields}, vector=HashedNgrams().embed([question])[0])


def selected(*candidates: Candidate, faults: Mapping[str, RemovalReason] | None = None) -> SelectedExamples:
    """Return candidates as a selected set, measured on their own questions."""
    found = [entry(n, c.input, feedback_id=c.feedback_id, contributor=c.contributor) for n, c in enumerate(candidates)]
    return SelectedExamples(candidates, tuple(found), Questions.of_entries(found), "hashed-ngrams/1", faults or {})


def live(document: Prompt, sequence: int = 1, **fields: Any) -> PromptLive:
    """Return the event that `document` went live."""
    given: dict[str, Any] = {
        "project": "acme",
        "environment": "production",
        "name": "answer",
        "target": "bot",
        "digest": document.digest,
        "sequence": sequence,
        "document": document.to_dict(),
        "examples": {},
        "reason": "promoted",
        "authorisation": Authorisation(kind="decision", id=derived_id("decision", str(sequence)), by="ada"),
        "signature": Signature(key_id="k", value="s"),
        "occurred_at": NOW,
    }
    return PromptLive(**{**given, **fields})
