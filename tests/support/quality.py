"""Executions and feedback for tests of the analyzer, and a real data set."""

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
    """Return an execution of the prompt `answer`, `number` seconds after START."""
    given: dict[str, Any] = {
        "execution_id": f"e{number}",
        "prompts": (PromptUse(name="answer", version=version),),
        "model": "model-a",
        "occurred_at": START + timedelta(seconds=number),
    }
    return ExecutionFacts(**{**given, **fields})


def feedback(number: int, version: str = "v1", **fields: Any) -> FeedbackCreated:
    """Return a thumb up about `facts(number, version)`, with changed fields."""
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
    """Return a score named Factuality."""
    return feedback(number, version, kind="score", name="Factuality", value=value, **fields)


def recorded(number: int, version: str = "v1", **fields: Any) -> ExecutionRecorded:
    """Return a successful execution of 120 ms."""
    given: dict[str, Any] = {
        "project": "acme",
        "environment": "production",
        "target": "bot",
        "facts": facts(number, version, outcome="ok"),
        "latency_ms": 120.0,
        "received_at": START + timedelta(seconds=number),
    }
    return ExecutionRecorded(**{**given, **fields})


def replacing(number: int, value: float, previous: float, version: str = "v1") -> FeedbackCreated:
    """Return a later thumb of the same user that replaces the previous one."""
    old = Replaced(feedback_id=derived_id("feedback", str(number)), value=previous)
    new_id = derived_id("feedback", str(number), "again")
    return feedback(number, version, feedback_id=new_id, value=value, replaces=old)


def successive_thumbs(number: int, thumbs: Iterable[tuple[float, bool | None]]) -> list[FeedbackCreated]:
    """Return successive thumbs of a user about an execution, each with its consent to quality.

    As from the collector: a thumb without consent is replaced without a value.
    """
    events: list[FeedbackCreated] = []
    previous: Replaced | None = None
    for index, (value, quality) in enumerate(thumbs):
        new_id = derived_id("feedback", str(number), str(index))
        consent = Consent(quality=quality)
        events.append(feedback(number, feedback_id=new_id, value=value, consent=consent, replaces=previous))
        previous = Replaced(feedback_id=new_id, value=None if quality is False else value)
    return events


def scores_by_version(versions: Iterable[tuple[str, Iterable[float]]]) -> Iterator[FeedbackCreated]:
    """Yield the scores of the versions in turn."""
    number = 0
    for version, values in versions:
        for value in values:
            number += 1
            yield score(number, version, value)


def envelopes(events: Iterable[Event]) -> list[Envelope[Event]]:
    """Return each event in an envelope with an id by its index."""
    return [
        Envelope(derived_id("test", str(index)), START, "ratchet/collector", event, f"correlation-{index}")
        for index, event in enumerate(events)
    ]


def frank() -> dict[str, list[float]]:
    """Return human judgements of factuality by system, in file order; skips the test if the file is missing."""
    path = data_file("frank.jsonl")
    judged: dict[str, list[float]] = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        judged[row["model_name"]].append(row["Factuality"])
    return judged
