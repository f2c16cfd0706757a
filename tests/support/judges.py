"""Judges in tests: definitions, replies of a chat endpoint, and a client without a socket."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from ratchet_evaluation.domain.judges.definition import JudgeDefinition, parse_judge
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from ratchet_evaluation.domain.judges.spend import SpendLedger, SpendLimit
from ratchet_evaluation.endpoints.call_pace import CallPace
from ratchet_evaluation.endpoints.model_client import ATTEMPTS, ModelClient
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint

JUDGED = JudgedText("May I return a lamp?", "Within 30 days.", ("Returns: 30 days.",), "Yes, within 30 days.")


def rubric_judge(**changed: Any) -> JudgeDefinition:
    """Return a judge with a short rubric."""
    return parse_judge({"name": "helpful", "rubric": "Does it help?", "model": "judge-1", **changed})


def completion(content: str | None, finish: str = "stop", usage: Any = None, **message: Any) -> dict[str, Any]:
    """Return a chat completion."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": "judge-1",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110} if usage is None else usage,
    }


def graded(grade: object) -> dict[str, Any]:
    """Return a completion with a grade."""
    return completion(json.dumps({"reason": "it does", "grade": grade}))


@dataclass
class FakeEndpoint:
    """Replies to requests in turn: with an object, a status, or what a function makes of the body; the last repeats."""

    replies: list[Any]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def client(self, attempts: int = ATTEMPTS, **endpoint: Any) -> ModelClient:
        """Return a client of this endpoint that never waits."""

        async def sleep(seconds: float) -> None:
            self.waited.append(seconds)

        given = ModelEndpoint("https://judge.test/v1", **{"concurrency": 4, **endpoint})
        return ModelClient(given, httpx.MockTransport(self._reply), CallPace(1e6), sleep, attempts)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.requests.append(body)
        self.headers.append(request.headers)
        found = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(found, Callable):  # type: ignore[arg-type]
            found = found(body)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, httpx.Response):
            return found
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, json=found)


def unlimited() -> SpendLedger:
    """Return a ledger without limits."""
    return SpendLedger(SpendLimit(), SpendLimit())
