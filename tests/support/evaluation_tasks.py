"""An in-memory server of evaluation tasks: leases, fences by tokens, and faults."""

import asyncio
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from ratchet.prompt import Prompt, from_text

Fault = Callable[[httpx.Request], httpx.Response | None]
PROMPT = from_text("Answer {{question}}")


@dataclass
class ServedTask:
    """A task with the token of its latest lease, while that holds."""

    body: dict[str, Any]
    token: str | None = None
    leased_at: float = 0.0
    answer: dict[str, Any] | None = None

    @property
    def is_free(self) -> bool:
        return self.answer is None and self.token is None


@dataclass
class FakeEvaluator:
    """Answers as the evaluator does. A lease lasts `lease_s` seconds, or until `expire`.

    `faults` are applied to one request each, in order; None lets it pass. `lose_answers`: number of
    responses that get lost after their effect. A wrong token is a `violation`.
    """

    tasks: dict[str, ServedTask] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    lose_answers: int = 0
    requests: list[tuple[str, Any]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    lease_s: float = 3600.0
    refuse: Callable[[list[dict[str, Any]]], int | None] = lambda answers: None
    """Returns the status that refuses a list of answers."""
    _tokens: dict[str, str] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.respond)

    def add(
        self, *inputs: Any, prompt: Prompt = PROMPT, name: str = "answer", replaced: Mapping[str, Any] | None = None
    ) -> None:
        """Add a task for each input, with some fields `replaced`; its id is that of its case."""
        for given in inputs:
            task_id = f"task-{next(self._numbers)}"
            case = {"id": task_id, "input": given, "variables": {}, "contexts": None}
            sent = {"name": name, "digest": prompt.digest, "document": prompt.to_dict()}
            self.tasks[task_id] = ServedTask(
                {"task_id": task_id, "evaluation_id": "e", "arm": "candidate", "repeat": 0, "prompt": sent,
                 "case": case, "expires_at": "2026-11-30T06:00:30Z", **(replaced or {})}
            )  # fmt: skip

    @property
    def answers(self) -> dict[Any, Any]:
        """The answers by input: what was returned, or the kind of the failure."""
        found = [task for task in self.tasks.values() if task.answer is not None]
        return {json.dumps(task.body["case"]["input"]): _value(task.answer or {}) for task in found}

    @property
    def complete(self) -> bool:
        return all(task.answer is not None for task in self.tasks.values())

    def expire(self) -> None:
        """Let all leases expire."""
        for task in self.tasks.values():
            task.token = None

    def bodies(self, route: str) -> list[Any]:
        """Return the bodies of the requests to a route."""
        return [body for found, body in self.requests if found == route]

    async def respond(self, request: httpx.Request) -> httpx.Response:
        route, body = request.url.path.rpartition("/")[2], json.loads(request.content)
        self.requests.append((route, body))
        if self.faults and (response := self.faults.pop(0)(request)) is not None:
            return response
        if route == "leases":
            return await self._lease(body)
        answer = self._extend(body["tasks"]) if route == "heartbeats" else self._accept(body["answers"])
        if self.lose_answers:
            self.lose_answers -= 1
            raise httpx.ReadTimeout("lost", request=request)
        return answer

    async def _lease(self, body: dict[str, Any]) -> httpx.Response:
        self._expire_old()
        for _ in range(max(1, int(body["wait_s"] / 0.01))):
            free = [task for task in self.tasks.values() if task.is_free and _wanted(task, body)]
            if free:
                return httpx.Response(200, json={"tasks": [self._give(task) for task in free[: body["max"]]]})
            await asyncio.sleep(0.01)
        return httpx.Response(200, json={"tasks": []})

    def _expire_old(self) -> None:
        for task in self.tasks.values():
            if task.leased_at < time.monotonic() - self.lease_s:
                task.token = None

    def _give(self, task: ServedTask) -> dict[str, Any]:
        task.leased_at = time.monotonic()
        task.token = f"token-{next(self._numbers)}"
        self._tokens[task.token] = task.body["task_id"]
        return {**task.body, "token": task.token}

    def _extend(self, held: list[dict[str, str]]) -> httpx.Response:
        found: dict[str, list[str]] = {"kept": [], "lost": []}
        for each in held:
            kept = self._holds(each)
            found["kept" if kept else "lost"].append(each["task_id"])
            if kept:
                self.tasks[each["task_id"]].leased_at = time.monotonic()
        return httpx.Response(200, json=found)

    def _accept(self, answers: list[dict[str, Any]]) -> httpx.Response:
        if (status := self.refuse(answers)) is not None:
            return httpx.Response(status, json={"title": "refused"})
        found: dict[str, list[str]] = defaultdict(list, accepted=[], repeated=[], lost=[])
        for answer in answers:
            task = self.tasks[answer["task_id"]]
            if task.answer is not None and task.answer["token"] == answer["token"]:
                found["repeated"].append(answer["task_id"])
            elif self._holds(answer):
                task.answer = answer
                found["accepted"].append(answer["task_id"])
            else:
                found["lost"].append(answer["task_id"])
        return httpx.Response(200, json=found)

    def _holds(self, each: dict[str, Any]) -> bool:
        if self._tokens.get(each["token"]) != each["task_id"]:
            self.violations.append(f"{each['token']} for {each['task_id']}")
        task = self.tasks[each["task_id"]]
        return task.answer is None and task.token == each["token"]


def _wanted(task: ServedTask, body: dict[str, Any]) -> bool:
    return "prompts" not in body or task.body["prompt"]["name"] in body["prompts"]


def _value(answer: dict[str, Any]) -> Any:
    return answer["returned"] if "returned" in answer else answer["failure"]["kind"]
