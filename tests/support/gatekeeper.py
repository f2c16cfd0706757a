"""A gatekeeper without Kafka: a project in PostgreSQL, the API in process, and events passed to handlers."""

import functools
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from gatekeeper.app import build_app
from gatekeeper.bootstrap import bootstrap
from gatekeeper.domain.api_keys import DEFAULT_KEYS, KeyPlan
from gatekeeper.domain.signer import Signer
from gatekeeper.handlers.proposals import ProposalHandlers
from gatekeeper.settings import GatekeeperSettings
from ratchet.prompt import example_digest, example_set_digest, parse, with_slot
from ratchet.signing import new_private_key
from shared.errors import Retryable
from shared.events.proposals import Evidence, Example, ExampleSet, ProposalReady
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import SystemClock
from tests.support.api_document import DescribedApi, service_app
from tests.support.databases import as_role
from tests.support.messaging import async_dsn
from tests.support.prompts import minimal

KEYS = (
    *DEFAULT_KEYS,
    KeyPlan("second_key", "second", "person", ("read", "tune", "review")),
    KeyPlan("browser_key", "browser", "service", ("browser-ingest",)),
)
NEVER = "sha256:" + "0" * 64


def document(words: str, *slots: str) -> dict[str, Any]:
    """Return a prompt with the text `words` and these empty few-shot slots."""
    turns = [{"role": "system", "content": words}, *({"slot": slot} for slot in slots)]
    return parse(minimal(messages=turns, slots={slot: {"max": 5, "set": None} for slot in slots})).to_dict()


def digest(prompt: Mapping[str, Any]) -> str:
    return parse(prompt).digest


@functools.cache
def _described() -> DescribedApi:
    return DescribedApi(service_app("gatekeeper").openapi())


@dataclass
class World:
    """A project. `owner` is the engine of the database's owner, `service` that of the gatekeeper's role."""

    dsn: str
    app: FastAPI
    keys: dict[str, str]
    signer: Signer
    owner: AsyncEngine
    service: AsyncEngine
    clients: dict[str, httpx.AsyncClient]

    async def ask(self, key: str, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        """Send a request with the key labelled `key`; the API's document must describe the response."""
        headers = {"Authorization": f"Bearer {self.keys.get(key, key)}", **more.pop("headers", {})}
        response = await self.clients["api"].request(method, path, json=body, headers=headers, **more)
        undocumented = _described().defects(method, path, response)
        assert not undocumented, undocumented
        return response

    def key_id(self, label: str) -> str:
        """Return the id of the key with that label."""
        return self.keys[label].split("_")[1]

    async def propose(self, words: dict[str, Any], base: str | None = None, by: str = "maker_key") -> dict[str, Any]:
        """Propose a document for the prompt `greeting` with a person's key."""
        body = {"name": "greeting", "target": "bot", "base_digest": base, "document": words, "why": "because"}
        answer = await self.ask(by, "POST", "/v1/proposals", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def decide(
        self,
        proposal: Mapping[str, Any],
        by: str = "reviewer_key",
        verdict: str = "approved",
        about: str | None = None,
        reason: str = "",
    ) -> httpx.Response:
        body = {"verdict": verdict, "reason": reason, "digest": about or proposal["digest"]}
        return await self.ask(by, "POST", f"/v1/proposals/{proposal['id']}/decisions", body)

    async def promote(self, words: dict[str, Any], base: str | None = None) -> dict[str, Any]:
        """Propose and approve a document. Return the live version."""
        answer = await self.decide(await self.propose(words, base))
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["live"])

    async def live(self) -> dict[str, Any] | None:
        """Return the live version of `greeting`, if there is one."""
        answer = await self.ask("ingest_key", "GET", "/v1/prompts/greeting")
        return dict(answer.json()) if answer.status_code == 200 else None

    async def grant(self, **parts: Any) -> httpx.Response:
        body = {"name": "greeting", "slot": "shots", "count": 3, "per_hour": 3, "expires_at": later(), **parts}
        return await self.ask("reviewer_key", "POST", "/v1/grants", body)

    async def arrive(self, event: ProposalReady) -> None:
        """Handle an event like the consumer: retry if a halt or a conflict interrupts it."""
        handle = ProposalHandlers(self.signer, SystemClock(), ErasedSubjects("gatekeeper")).on_ready
        for again in (True, True, False):
            try:
                async with SqlStore(self.service, "gatekeeper").begin() as tx:
                    await handle(tx, [received(event)])
            except (Retryable, DBAPIError):
                if not again:
                    raise
            else:
                return

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        """Run a statement as the owner. Return its rows, if any."""
        async with self.owner.begin() as conn:
            done = await conn.execute(text(statement), values)
            return list(done.all()) if done.returns_rows else []


def later(hours: float = 1) -> str:
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + hours * 3600, UTC).isoformat()


def received(event: Any) -> Received[Any]:
    now = datetime.now(UTC)
    return Received(event, uuid4(), now, "ratchet/test", "correlation", None, None, event.topic, 0, 0)


def few_shot(
    base: dict[str, Any],
    *pairs: tuple[str, str],
    slot: str = "shots",
    eligible: bool = True,
    user: str | None = None,
    **parts: Any,
) -> ProposalReady:
    """Return a proposal of the proposer that fills a slot with these (input, output) examples."""
    contents = [{"input": given, "output": answer} for given, answer in pairs]
    examples = tuple(
        Example(
            digest=example_digest(content),
            **content,
            score=1.0,
            feedback_id=uuid4(),
            execution_id="e",
            user=user,
            grant_eligible=eligible,
            occurred_at=datetime.now(UTC),
        )
        for content in contents
    )
    chosen = ExampleSet(slot=slot, digest=example_set_digest(contents), examples=examples)
    draft = with_slot(parse(base), slot, chosen.digest)
    return ready(draft.to_dict(), base, kind="few_shot", example_sets=(chosen,), **parts)


def ready(words: dict[str, Any], base: dict[str, Any] | None, **parts: Any) -> ProposalReady:
    """Return a proposal as the proposer emits it."""
    values: dict[str, Any] = {
        "project": "default",
        "environment": "production",
        "target": "bot",
        "proposal_id": uuid4(),
        "revision": 1,
        "kind": "edit",
        "name": "greeting",
        "base_digest": None if base is None else digest(base),
        "digest": digest(words),
        "document": words,
        "diff": "",
        "evidence": Evidence(summary="because"),
        "acceptance": (),
        "rollback_digest": None if base is None else digest(base),
        "rollback": base,
        "author": "proposer",
        **parts,
    }
    return ProposalReady(**values)


def settings_for(dsn: str, private: str, **more: Any) -> GatekeeperSettings:
    values: dict[str, Any] = {
        "database_url": as_role(dsn, "ratchet_gatekeeper"),
        "kafka_bootstrap": "127.0.0.1:1",
        "signing_key": private,
        **more,
    }
    return GatekeeperSettings(**values)


@asynccontextmanager
async def world(dsn: str, **more: Any) -> AsyncIterator[World]:
    """Set up a project in a migrated database and open its API."""
    private = new_private_key()
    keys = await bootstrap(async_dsn(dsn), private, keys=KEYS)
    app = build_app(settings_for(dsn, private, **more))
    owner = create_async_engine(async_dsn(dsn), poolclass=NullPool)
    service = create_async_engine(async_dsn(as_role(dsn, "ratchet_gatekeeper")), pool_size=8)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://gatekeeper") as client:
        try:
            yield World(dsn, app, keys, Signer(private), owner, service, {"api": client})
        finally:
            await owner.dispose()
            await service.dispose()
            await app.state.keys._engine.dispose()
            await app.state.notifier.close()
            await app.state.switch.engine.dispose()


def secret_hash(raw: str) -> str:
    """Return the hash of a key that the database stores."""
    return hashlib.sha256(raw.split("_", 2)[2].encode()).hexdigest()


def new_uuid() -> UUID:
    return uuid4()
