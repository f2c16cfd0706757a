"""Workers of evaluations over HTTP, some of which disappear, answer late, or repeat their answers."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.app import build_app
from evaluator.settings import EvaluatorSettings
from evaluator.storage.tables import keys
from shared.auth.principal import hash_secret
from shared.runtime.clock import Clock
from tests.support.api_document import service_check

Answer = Callable[[dict[str, Any]], Any]
ROUTE = "/v1/evaluation-tasks"


async def add_keys(engine: AsyncEngine) -> None:
    """Add a key for each scope, and one of another project."""
    more = {"subject_kind": "service", "environment": "production", "revoked": False}
    secret = hash_secret("s")
    async with engine.begin() as conn:
        for key_id, project, scopes in (
            ("reader", "acme", ["read"]),
            ("worker", "acme", ["evaluate"]),
            ("tuner", "acme", ["tune"]),
            ("other", "globex", ["read", "evaluate"]),
        ):
            row = {"key_id": key_id, "revision": 1, "secret_hash": secret, "subject": key_id, "project": project}
            await conn.execute(insert(keys).values(**row, **more, scopes=scopes))


class _Instance(httpx.ASGITransport):
    """An instance of the evaluator, whose connections to the database are closed with the client."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app)
        self._service = app

    async def aclose(self) -> None:
        await self._service.state.keys._engine.dispose()


def connect(settings: EvaluatorSettings, clock: Clock, key: str) -> httpx.AsyncClient:
    """Return a client of a new instance, to be closed; its background jobs don't run.

    Each response must be as the API's document describes it.
    """
    transport = _Instance(build_app(settings, clock))
    headers = {"authorization": f"Bearer rk_{key}_s"}
    return httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers, event_hooks=service_check("evaluator")
    )


class FlakyWorker:
    """A worker that leases, answers a few at a time in any order, and repeats some answers.

    `kill` lets it disappear with what it holds; some of that it sends after all, once others may have it.
    """

    def __init__(self, name: str, answer: Answer, seed: int) -> None:
        self.name, self._answer, self._rnd = name, answer, random.Random(seed)
        self.held: list[dict[str, Any]] = []
        self._late: list[dict[str, Any]] = []
        self.outcomes = {"accepted": 0, "repeated": 0, "lost": 0}

    async def run(self, api: Callable[[], httpx.AsyncClient]) -> None:
        """Work until cancelled. `api` returns the client of an instance that runs."""
        while True:
            body = {"worker": self.name, "max": 8, "wait_s": 0.05}
            self.held = (await self._post(api(), "leases", body))["tasks"]
            self._rnd.shuffle(self.held)
            while self.held:
                done, self.held = self.held[:3], self.held[3:]
                await asyncio.sleep(0)
                await self._send(api(), done)
                if self._rnd.random() < 0.3:
                    await self._send(api(), done)
            await self._send(api(), self._late)
            self._late = []

    def kill(self) -> None:
        """Forget what is held; half of it is answered later."""
        self._late += self.held[::2]
        self.held = []

    async def heartbeat(self, api: httpx.AsyncClient) -> None:
        """Extend the leases that are held."""
        if self.held:
            await self._post(api, "heartbeats", {"tasks": [_lease(task) for task in self.held]})

    async def _send(self, api: httpx.AsyncClient, tasks: list[dict[str, Any]]) -> None:
        if not tasks:
            return
        answers = [{**_lease(task), "returned": self._answer(task), "ms": 1} for task in tasks]
        found = await self._post(api, "answers", {"answers": answers})
        for outcome, ids in found.items():
            self.outcomes[outcome] += len(ids)

    async def _post(self, api: httpx.AsyncClient, route: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await api.post(f"{ROUTE}/{route}", json=body)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found


def _lease(task: dict[str, Any]) -> dict[str, Any]:
    return {"task_id": task["task_id"], "token": task["token"]}
