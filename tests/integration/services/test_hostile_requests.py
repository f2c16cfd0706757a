"""Services respond to any request on their routes: never with a 5xx, and rejections are problem documents.

Reliability rows H1 and H2; `make soak` makes 2,000 requests per operation instead of a few.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from analyzer.app import build_app as analyzer_app
from analyzer.settings import AnalyzerSettings
from collector.app import build_app as collector_app
from collector.settings import CollectorSettings
from evaluator.app import build_app as evaluator_app
from evaluator.settings import EvaluatorSettings
from proposer.app import build_app as proposer_app
from proposer.settings import ProposerSettings
from shared.auth.principal import hash_secret
from tests.support.api_document import DescribedApi
from tests.support.databases import as_role, psql
from tests.support.gatekeeper import world
from tests.support.hostile_requests import HostileRequest, hostile_requests
from tests.support.soak import scaled

QUICK = {"analyzer": 20, "collector": 26, "proposer": 30, "evaluator": 20, "gatekeeper": 10}
"""Requests per operation: at least 200 per service."""
EACH = {service: scaled(quick, 2_000) for service, quick in QUICK.items()}
TRACES = "/v1/traces"
STREAMS = frozenset({"/v1/stream"})
"""Routes with endless responses."""

APPS: dict[str, tuple[Callable[..., FastAPI], type[Any]]] = {
    "analyzer": (analyzer_app, AnalyzerSettings),
    "collector": (collector_app, CollectorSettings),
    "proposer": (proposer_app, ProposerSettings),
    "evaluator": (evaluator_app, EvaluatorSettings),
}


@asynccontextmanager
async def served(service: str, dsn: str) -> AsyncIterator[tuple[FastAPI, list[str]]]:
    """A service's app, and keys with permissions there."""
    if service == "gatekeeper":
        async with world(dsn) as made:
            yield made.app, list(made.keys.values())
        return
    psql(
        dsn,
        f"""INSERT INTO {service}.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
              scopes, revoked)
            VALUES ('all', 1, '{hash_secret("s")}', 'ann', 'person', 'acme', 'production',
              '{{read,tune,operate,admin,review,evaluate,ingest}}', false)""",
    )
    build, settings = APPS[service]
    app = build(settings(database_url=as_role(dsn, f"ratchet_{service}"), kafka_bootstrap="127.0.0.1:9"))
    yield app, ["rk_all_s"]
    await app.state.keys._engine.dispose()


@pytest.mark.parametrize("service", EACH)
async def test_no_request_causes_an_internal_error(service: str, migrated_dsn: Callable[..., str]) -> None:
    failed: list[str] = []
    statuses: Counter[int] = Counter()
    async with served(service, migrated_dsn(service)) as (app, keys):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            described = DescribedApi(app.openapi())
            for number, request in enumerate(hostile_requests(app.openapi(), EACH[service], 10, STREAMS)):
                answer = await send_request(client, request, keys[number % len(keys)])
                statuses[answer.status_code] += 1
                defects = status_defects if request.path == TRACES else response_defects
                undocumented = described.defects(request.method, request.path, answer)
                failed += [f"{request}: {fault}" for fault in (*defects(answer), *undocumented)]
    assert not failed, "\n".join(failed[:10])
    assert sum(statuses.values()) >= 200, "too few requests"
    assert statuses.keys() & {200, 201, 204}, "the keys do not fit the routes"


async def send_request(client: httpx.AsyncClient, request: HostileRequest, key: str) -> httpx.Response:
    headers: Mapping[str, str] = {"authorization": f"Bearer {key}", **request.headers}
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return await client.request(
        request.method,
        request.path,
        params=httpx.QueryParams(tuple(request.params)),
        content=request.content,
        headers=encoded,
    )


def status_defects(answer: httpx.Response) -> list[str]:
    """Return the defects of a response of OTLP, whose refusals are a `google.rpc.Status`."""
    if answer.status_code >= 500:
        return [f"{answer.status_code} {answer.text[:300]}"]
    if answer.status_code < 400:
        return []
    complete = {"code", "message"} <= answer.json().keys() and len(answer.content) < 30_000
    return [] if complete else [f"incomplete: {answer.text[:300]}"]


def response_defects(answer: httpx.Response) -> list[str]:
    """Return the defects of a response."""
    if answer.status_code >= 500:
        return [f"{answer.status_code} {answer.text[:300]}"]
    if answer.status_code < 400:
        return []
    if answer.headers.get("content-type") != "application/problem+json":
        return [f"{answer.status_code} is no problem document"]
    problem = answer.json()
    complete = {"type", "title", "status", "code"} <= problem.keys() and problem["status"] == answer.status_code
    return [] if complete and len(answer.content) < 30_000 else [f"incomplete: {answer.text[:300]}"]
