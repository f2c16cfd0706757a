"""Annotation queues over HTTP, with people and a service."""

from collections.abc import Mapping
from typing import Any

import httpx
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.storage.tables import keys
from shared.auth.principal import hash_secret

PATH = "/v1/annotation-queues/answers"
RUBRIC: list[dict[str, Any]] = [
    {"name": "helpful", "kind": "thumb", "title": "Does it help?", "metric": "thumb.helpful"},
    {"name": "tone", "kind": "label", "title": "Which tone?", "labels": [{"name": "warm"}, {"name": "cold"}]},
    {"name": "right", "kind": "score", "title": "How right is it?", "metric": "score.right", "low": 1, "high": 5},
    {"name": "note", "kind": "comment", "title": "Anything else?", "required": False},
    {"name": "better", "kind": "better_answer", "title": "A better answer", "required": False},
]
PEOPLE: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    **dict.fromkeys(("ann", "bob", "cem", "dee"), ("person", "acme", ("read", "tune", "review"))),
    "viewer": ("person", "acme", ("read",)),
    "robot": ("service", "acme", ("read", "tune")),
    "other": ("person", "globex", ("read", "tune", "review")),
}
"""Name → kind, project and scopes."""


def key_of(name: str) -> dict[str, str]:
    """Return the headers of a person's or the service's key."""
    return {"authorization": f"Bearer rk_{name}_s"}


async def add_people(engine: AsyncEngine) -> None:
    """Save the keys of all people and of the service."""
    async with engine.begin() as conn:
        for name, (kind, project, scopes) in PEOPLE.items():
            row = {"key_id": name, "revision": 1, "secret_hash": hash_secret("s"), "subject": name, "revoked": False}
            more = {"subject_kind": kind, "project": project, "environment": "production", "scopes": list(scopes)}
            await conn.execute(insert(keys).values(**row, **more))


def task_body(number: int, **fields: Any) -> dict[str, Any]:
    """Return an answer of an app as it is sent."""
    return {"execution_id": f"e-{number}", "input": f"question {number}?", "output": f"answer {number}", **fields}


def answers(helpful: bool = True, tone: str = "warm", right: float = 4, **more: Any) -> dict[str, Any]:
    """Return answers to the required questions of the rubric."""
    return {"helpful": helpful, "tone": tone, "right": right, **more}


class Annotators:
    """People that annotate over HTTP. Methods that may be refused return the response."""

    def __init__(self, client: httpx.AsyncClient, path: str = PATH) -> None:
        self.client = client
        self.path = path

    async def create(self, tasks: int = 0, **fields: Any) -> None:
        """Create the queue with tasks."""
        body = {"target": "bot", "rubric": RUBRIC, **fields}
        made = await self.client.put(self.path, json=body, headers=key_of("ann"))
        assert made.is_success, made.text
        for start in range(0, tasks, 500):
            batch = [task_body(number) for number in range(start, min(tasks, start + 500))]
            added = await self.post("ann", "tasks", {"tasks": batch})
            assert added.json() == {"added": len(batch), "repeated": 0}, added.text

    async def get(self, name: str, path: str = "", **query: Any) -> httpx.Response:
        return await self.client.get(self.path + path, params=query, headers=key_of(name))

    async def post(self, name: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        return await self.client.post(f"{self.path}/{path}", json=body, headers=key_of(name))

    async def reserve(self, name: str) -> dict[str, Any] | None:
        """Return the task that a person gets."""
        answer = await self.post(name, "next")
        assert answer.status_code == 200, answer.text
        task: dict[str, Any] | None = answer.json()["task"]
        return task

    async def submit(self, name: str, task: Mapping[str, Any], given: Mapping[str, Any]) -> httpx.Response:
        body = {"token": task["token"], "answers": given}
        return await self.post(name, f"tasks/{task['id']}/annotations", body)

    async def correct(self, name: str, task: Mapping[str, Any], given: Mapping[str, Any]) -> httpx.Response:
        return await self.post(name, f"tasks/{task['id']}/corrections", {"answers": given})

    async def skip(self, name: str, task: Mapping[str, Any]) -> httpx.Response:
        return await self.post(name, f"tasks/{task['id']}/skip", {"token": task["token"]})

    async def annotate(self, name: str, *given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Reserve and answer the next tasks, one for each of `given`; return the tasks."""
        done = []
        for each in given:
            task = await self.reserve(name)
            assert task is not None
            submitted = await self.submit(name, task, each)
            assert submitted.status_code == 200, submitted.text
            done.append(task)
        return done
