"""Rows of the execution log and its feedback as an app would leave them."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from collector.domain.log_entries import pack, versions_of
from shared.events.base import execution_reference
from shared.events.feedback import Consent, ExecutionFacts, ExecutionRecorded, PromptUse, Usage

PROJECT, ENVIRONMENT = "shop", "production"
LARGE_TARGET = "target-0"
"""Has half of all executions; the other 19 targets share the rest."""
DAYS = 30
USERS = 200_000
CALLS_PER_TRACE = 5
FEEDBACK_SHARE = 0.04
_PHRASE_WORDS = 8

EXECUTION_COLUMNS = (
    "reference", "project", "environment", "target", "trace_id", "occurred_at", "received_at", "versions", "model",
    "arm", "outcome", "user_hash", "session", "input_tokens", "output_tokens", "cost", "latency_ms", "scores", "body",
)  # fmt: skip
FEEDBACK_COLUMNS = (
    "reference", "feedback_id", "project", "environment", "target", "executed_at", "kind", "source", "key_scope",
    "metric", "value", "user_hash", "occurred_at", "received_at",
)  # fmt: skip


def user_hash(number: int) -> str:
    """Return the pseudonym of a user."""
    return f"k1:{number:032x}"


def executions(count: int, end: datetime, seed: int = 1) -> Iterator[tuple[Any, ...]]:
    """Yield rows by `EXECUTION_COLUMNS`, oldest first, spread evenly over the `DAYS` before `end`."""
    draw = random.Random(seed)
    phrases = _phrases(draw)
    step = timedelta(days=DAYS) / count
    for number in range(count):
        event = _event(number, end - timedelta(days=DAYS) + number * step, draw, phrases)
        facts = event.facts
        yield (
            execution_reference(PROJECT, ENVIRONMENT, facts.execution_id), PROJECT, ENVIRONMENT, event.target,
            facts.trace_id, facts.occurred_at, event.received_at, versions_of(event), facts.model, None, facts.outcome,
            facts.user, facts.session, event.usage.input_tokens, event.usage.output_tokens, event.cost,
            event.latency_ms, "{}", pack(event),
        )  # fmt: skip


def feedback_of(rows: Iterator[tuple[Any, ...]], seed: int = 2) -> Iterator[tuple[Any, ...]]:
    """Yield thumbs by `FEEDBACK_COLUMNS` about some of the rows, a fifth of them down."""
    draw = random.Random(seed)
    for row in rows:
        if draw.random() < FEEDBACK_SHARE:
            at = row[5] + timedelta(seconds=30)
            down = draw.random() < 0.2
            yield (
                row[0], UUID(int=draw.getrandbits(128)), PROJECT, ENVIRONMENT, row[3], row[5], "thumb", "explicit",
                "ingest", "thumb", 0.0 if down else 1.0, row[11], at, at,
            )  # fmt: skip


def _event(number: int, at: datetime, draw: random.Random, phrases: Sequence[str]) -> ExecutionRecorded:
    trace = number // CALLS_PER_TRACE
    target = LARGE_TARGET if trace % 2 else f"target-{1 + trace // 2 % 19}"
    facts = ExecutionFacts.model_construct(
        execution_id=f"e-{number}",
        trace_id=f"t-{trace}",
        parent_id=None if number % CALLS_PER_TRACE == 0 else f"e-{trace * CALLS_PER_TRACE}",
        prompts=(PromptUse.model_construct(name="answer", digest=None, version=f"{target}-v{at.toordinal() // 4}"),),
        model=f"model-{number % 3}",
        arm=None,
        user=user_hash(trace * 7919 % USERS),
        session=f"s-{trace // 4}",
        input=" ".join(draw.choices(phrases, k=7)),
        output=" ".join(draw.choices(phrases, k=11)),
        outcome="error" if number % 97 == 0 else "ok",
        attributes={},
        consent=Consent(),
        occurred_at=at,
        clock_skew_s=None,
    )
    return ExecutionRecorded.model_construct(
        project=PROJECT, environment=ENVIRONMENT, target=target, facts=facts, contexts=(), tools=(), parameters={},
        usage=Usage.model_construct(input_tokens=200 + number % 100, output_tokens=100), cost=0.001, scores={},
        latency_ms=400 + draw.expovariate(0.002), received_at=at + timedelta(seconds=1), revision=1, completes=(),
    )  # fmt: skip


def _phrases(draw: random.Random) -> list[str]:
    """Return phrases that texts are made of; about as compressible as prose."""
    words = [draw.randbytes(4).hex()[: 3 + number % 6] for number in range(4_000)]
    return [" ".join(draw.choices(words, k=_PHRASE_WORDS)) for _ in range(4_000)]


def midnight(moment: datetime) -> datetime:
    """Return the beginning of a day in UTC."""
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
