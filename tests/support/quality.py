"""Executions and feedback for tests of the analyzer, and where the real data lies."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.events import Envelope, derived_id
from shared.events.base import Event
from shared.events.feedback import Consent, ExecutionFacts, ExecutionRecorded, FeedbackCreated, PromptUse, Replaced
from tests.support.requirements import data_file

START = datetime(2026, 1, 1, tzinfo=UTC)


def facts(number: int, version: str = "v1", **fields: Any) -> ExecutionFacts:
    """The execution with that number, a second after the one before, of the prompt `answer`."""
    given: dict[str, Any] = {
        "execution_id": f"e{number}",
        "prompts": (PromptUse(name="answer", version=version),),
        "model": "model-a",
        "occurred_at": START + timedelta(seconds=number),
    }
    return ExecutionFacts(**{**given, **fields})


def feedback(number: int, version: str = "v1", **fields: Any) -> FeedbackCreated:
    """A thumb up about `facts(number, version)`; fields change it."""
    at = START + timedelta(seconds=number)
    given: dict[str, Any] = {
        "project": "acme",
        "environment": "production",
        "target": "bot",
        "feedback_id": derived_id("feedback", str(number)),
        "kind": "thumb",
        "value": 1.0,
        "execution": facts(number, version),
        "occurred_at": at,
        "received_at": at,
    }
    return FeedbackCreated(**{**given, **fields})


def score(number: int, version: str, value: float, **fields: Any) -> FeedbackCreated:
    """A score named Factuality."""
    return feedback(number, version, kind="score", name="Factuality", value=value, **fields)


def recorded(number: int, version: str = "v1", **fields: Any) -> ExecutionRecorded:
    """An execution that ended well, in 120 ms."""
    given: dict[str, Any] = {
        "project": "acme",
        "environment": "production",
        "target": "bot",
        "facts": facts(number, version, outcome="ok"),
        "latency_ms": 120.0,
        "received_at": START + timedelta(seconds=number),
    }
    return ExecutionRecorded(**{**given, **fields})


def replacing(number: int, value: float, former: float, version: str = "v1") -> FeedbackCreated:
    """The same user's later thumb, in the place of the one before."""
    old = Replaced(feedback_id=derived_id("feedback", str(number)), value=former)
    new_id = derived_id("feedback", str(number), "again")
    return feedback(number, version, feedback_id=new_id, value=value, replaces=old)


def opinions(number: int, said: Iterable[tuple[float, bool | None]]) -> list[FeedbackCreated]:
    """What one user thinks of one execution, time after time: thumbs, each with its consent to quality.

    As the collector tells it: what had no consent is replaced without its value.
    """
    told: list[FeedbackCreated] = []
    former: Replaced | None = None
    for index, (value, quality) in enumerate(said):
        new_id = derived_id("feedback", str(number), str(index))
        consent = Consent(quality=quality)
        told.append(feedback(number, feedback_id=new_id, value=value, consent=consent, replaces=former))
        former = Replaced(feedback_id=new_id, value=None if quality is False else value)
    return told


def one_after_another(versions: Iterable[tuple[str, Iterable[float]]]) -> Iterator[FeedbackCreated]:
    """Scores of version after version."""
    number = 0
    for version, values in versions:
        for value in values:
            number += 1
            yield score(number, version, value)


def envelopes(events: Iterable[Event]) -> list[Envelope[Event]]:
    """Each event in an envelope whose id is its place."""
    return [
        Envelope(derived_id("test", str(index)), START, "ratchet/collector", event, f"correlation-{index}")
        for index, event in enumerate(events)
    ]


def frank() -> dict[str, list[float]]:
    """Human judgements of factuality by summarising system, in the file's order; skips where they are not."""
    path = data_file("frank.jsonl")
    judged: dict[str, list[float]] = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        judged[row["model_name"]].append(row["Factuality"])
    return judged
