"""Traces, generations and scores of an invented app, for the Langfuse server of tests."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from tests.support.langfuse import Langfuse, at

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
GOOD = "You are the support bot of a lamp shop.\nCite the article that you took it from.\nAsk back if it is unclear."
BAD = "You are the support bot of a lamp shop.\nAsk back if it is unclear."


@dataclass(frozen=True)
class Part:
    """A number of answers by a prompt version, and the share of rated answers that are liked."""

    version: int | None
    n: int
    liked: float


def trace(name: str, moment: datetime, version: int | None = None, **fields: Any) -> list[dict[str, Any]]:
    """Return a root observation and its generation."""
    shared: dict[str, Any] = {
        "traceId": name,
        "projectId": "p",
        "startTime": at(moment),
        "endTime": at(moment + timedelta(seconds=2)),
        "level": "DEFAULT",
        "environment": "default",
        "userId": "u1",
        "traceName": "support-bot",
        "release": None,
        "input": None,
        **dict.fromkeys(("modelId", "inputPrice", "outputPrice", "totalPrice")),
    }
    nothing = dict.fromkeys(("providedModelName", "totalCost", "promptName", "promptVersion"))
    root = {"id": f"{name}-r", "type": "SPAN", "name": "handle", "parentObservationId": None, "isRootObservation": True}
    call = {"id": f"{name}-g", "type": "GENERATION", "name": "call", "parentObservationId": f"{name}-r"}
    prompt = {"promptName": "answer" if version else None, "promptVersion": version}
    model = {"providedModelName": "small", "totalCost": 0.002, "latency": 1.5, "isRootObservation": False}
    return [
        {**shared, **nothing, **root, "latency": 2.0, **fields},
        {**shared, **call, **model, **prompt, **{name: fields[name] for name in fields if name in shared}},
    ]


def score(number: int, name: str, value: Any, moment: datetime, **fields: Any) -> dict[str, Any]:
    """Return a score of trace `t<number>`."""
    kind = "BOOLEAN" if isinstance(value, bool) else "CATEGORICAL" if isinstance(value, str) else "NUMERIC"
    return {
        "id": f"{name}-{number}",
        "projectId": "p",
        "name": name,
        "value": value,
        "dataType": kind,
        "source": "API",
        "timestamp": at(moment),
        "environment": "default",
        "createdAt": at(moment),
        "updatedAt": at(moment),
        "subject": {"kind": "trace", "id": f"t{number}"},
        **fields,
    }


def server_with_history(
    *parts: Part, days: float = 28.0, rated: float = 0.5, version: str = "4.16.0", seed: int = 1, now: datetime = NOW
) -> Langfuse:
    """Return a server with `days` of an app's history until now; a share of the answers is rated minutes later."""
    observations, scores = _history(parts, days, rated, seed, now)
    return Langfuse(version, [dict(each) for each in observations], [dict(each) for each in scores], prompts())


@cache
def _history(
    parts: Sequence[Part], days: float, rated: float, seed: int, now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return observations and scores, made once for all servers with the same history."""
    rng, observations, scores = random.Random(seed), list[dict[str, Any]](), list[dict[str, Any]]()
    every = [part for part in parts for _ in range(part.n)]
    for number, part in enumerate(every):
        moment = now - timedelta(hours=1) - timedelta(days=days) * ((len(every) - number) / len(every))
        observations += trace(f"t{number}", moment, part.version, userId=f"u{number % 97}")
        if rng.random() < rated:
            later = moment + timedelta(minutes=rng.uniform(1, 30))
            scores.append(score(number, "user-thumbs", rng.random() < part.liked, later))
    return observations, scores


def prompts() -> dict[tuple[str, int], dict[str, Any]]:
    return {("answer", 6): version(6, GOOD), ("answer", 7): version(7, BAD)}


def version(number: int, prompt: str | Sequence[dict[str, Any]], config: Any = None) -> dict[str, Any]:
    """Return a version of the prompt `answer`, a text or chat messages."""
    kind = "text" if isinstance(prompt, str) else "chat"
    return {
        "name": "answer",
        "version": number,
        "type": kind,
        "prompt": prompt,
        "config": {} if config is None else config,
        "labels": [],
        "tags": [],
    }


FALLEN = (Part(6, 400, 0.9), Part(7, 400, 0.4))
HEALTHY = (Part(6, 1000, 0.9), Part(7, 1000, 0.9))
