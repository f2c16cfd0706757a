"""Every kind of key on every route of all services but the gatekeeper, which has its own test."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

import analyzer.app
import collector.app
import evaluator.app
import proposer.app
from analyzer.settings import AnalyzerSettings
from collector.api.ingest import ROUTES as HOT
from collector.settings import CollectorSettings
from evaluator.settings import EvaluatorSettings
from gatekeeper.domain.api_keys import DEFAULT_KEYS, KeyPlan
from proposer.settings import ProposerSettings
from tests.support.databases import as_role
from tests.support.routes import Route, add_key, is_refusal, is_status, served

PLACE = {"project": "acme", "environment": "production"}
PLANS = (
    *DEFAULT_KEYS,
    KeyPlan("browser_key", "browser", "service", ("browser-ingest",)),
    KeyPlan("operator_key", "operator", "person", ("operate",)),
    KeyPlan("worker_key", "worker", "service", ("evaluate",)),
)
REVOKED = KeyPlan("revoked_key", "gone", "person", ("ingest", "read", "tune", "review", "operate"))
NOBODY = {"no_key": None, "empty_key": "Bearer ", "unknown_key": "Bearer rk_x_y", "garbage": "nonsense"}
APPS: dict[str, tuple[Callable[..., FastAPI], type[Any]]] = {
    "collector": (collector.app.build_app, CollectorSettings),
    "analyzer": (analyzer.app.build_app, AnalyzerSettings),
    "proposer": (proposer.app.build_app, ProposerSettings),
    "evaluator": (evaluator.app.build_app, EvaluatorSettings),
}
TRACES = ("POST", "/v1/traces")
_IN_PATHS = {
    "name": "score.x", "regression_id": uuid4(), "letter_id": uuid4(), "consumer": "none", "execution_id": "e1",
    "trace_id": "t1", "erasure_id": uuid4(), "evaluation_id": uuid4(), "task_id": uuid4(),
    "case_id": "c1", "digest": f"sha256:{'0' * 64}", "target": "bot", "template_id": "answer",
}  # fmt: skip
OPERATORS = ("reviewer_key", "operator_key", "admin_key")
# Each route, and the kinds of keys that it admits.
EXPECTED: dict[str, dict[Route, tuple[str, ...]]] = {
    "collector": {
        ("POST", "/v1/executions"): ("ingest_key",),
        ("POST", "/v1/feedback"): ("ingest_key", "browser_key"),
        TRACES: ("ingest_key",),
        ("GET", "/v1/executions"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/executions/latest"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/executions/export"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/executions/{execution_id}"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/traces/{trace_id}"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/pulls"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/erasures"): ("admin_key",),
        ("GET", "/v1/erasures/{erasure_id}"): ("admin_key",),
        ("GET", "/api/v1/prompts/templates/{template_id}/metrics"): ("admin_key",),
        ("GET", "/v1/views"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/views"): ("maker_key", "reviewer_key", "admin_key"),
        ("DELETE", "/v1/views/{name}"): ("maker_key", "reviewer_key", "admin_key"),
    },
    "analyzer": {
        ("GET", "/v1/regressions"): ("maker_key", *OPERATORS),
        ("GET", "/v1/regressions/{regression_id}"): ("maker_key", *OPERATORS),
        ("GET", "/v1/metrics"): ("maker_key", *OPERATORS),
        ("GET", "/v1/metrics/{name}"): ("maker_key", *OPERATORS),
        ("PUT", "/v1/metrics/{name}"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/quality"): ("maker_key", *OPERATORS),
        ("GET", "/v1/quality/series"): ("maker_key", *OPERATORS),
    },
    "proposer": {
        ("GET", "/v1/candidates"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/drafts"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/instruction-drafts"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/pull-requests"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/repository-texts"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/tuning-settings"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/tuning-settings/{target}"): ("maker_key", "reviewer_key", "admin_key"),
        ("PUT", "/v1/tuning-settings/{target}"): ("admin_key",),
        ("GET", "/api/v1/prompts/templates/{template_id}"): ("admin_key",),
        ("GET", "/api/v1/prompts/templates/{template_id}/tuning-candidates"): ("admin_key",),
        ("POST", "/api/v1/prompts/templates/{template_id}/auto-tune"): ("admin_key",),
        ("POST", "/api/v1/prompts/templates/auto-tune-all"): ("admin_key",),
    },
    "evaluator": {
        ("POST", "/v1/evaluation-tasks/leases"): ("worker_key",),
        ("POST", "/v1/evaluation-tasks/heartbeats"): ("worker_key",),
        ("POST", "/v1/evaluation-tasks/answers"): ("worker_key",),
        ("GET", "/v1/evaluation-estimates"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/evaluations"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/evaluations/{evaluation_id}"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/evaluations/{evaluation_id}/report"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/evaluations"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/datasets"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/datasets/{name}"): ("maker_key", "reviewer_key", "admin_key"),
        ("PUT", "/v1/datasets/{name}"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/datasets/{name}/cases"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/datasets/{name}/cases"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/datasets/{name}/cases/{case_id}/reviews"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/datasets/{name}/reviews"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/datasets/{name}/versions"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/datasets/{name}/versions"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/datasets/{name}/versions/{digest}/export"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/datasets/{name}/versions/{digest}/manifest"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/datasets/{name}/augmentations"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/bisections"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/judges"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/judges/{name}"): ("maker_key", "reviewer_key", "admin_key"),
        ("PUT", "/v1/judges/{name}"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/judging"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/judging/{target}"): ("maker_key", "reviewer_key", "admin_key"),
        ("PUT", "/v1/judging/{target}"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/annotation-queues"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/annotation-queues/{name}"): ("maker_key", "reviewer_key", "admin_key"),
        ("PUT", "/v1/annotation-queues/{name}"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/annotation-queues/{name}/results"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/annotation-queues/{name}/tasks"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/annotation-queues/{name}/tasks"): ("maker_key", "reviewer_key", "admin_key"),
        ("GET", "/v1/annotation-queues/{name}/next"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/annotation-queues/{name}/next"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/annotation-queues/{name}/tasks/{task_id}/annotations"): (
            "maker_key",
            "reviewer_key",
            "admin_key",
        ),
        ("GET", "/v1/annotation-queues/{name}/corrections"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/annotation-queues/{name}/tasks/{task_id}/corrections"): (
            "maker_key",
            "reviewer_key",
            "admin_key",
        ),
        ("POST", "/v1/annotation-queues/{name}/tasks/{task_id}/skip"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/annotation-queues/{name}/tasks/{task_id}/cases"): ("maker_key", "reviewer_key", "admin_key"),
        ("POST", "/v1/annotation-queues/{name}/tasks/{task_id}/decisions"): ("reviewer_key", "admin_key"),
        ("GET", "/v1/annotation-queues/{name}/annotations"): ("reviewer_key", "admin_key"),
        ("GET", "/v1/annotation-queues/{name}/export"): ("reviewer_key", "admin_key"),
    },
}


def expected(service: str) -> dict[Route, tuple[str, ...]]:
    """Return the service's own routes, and the operator routes that every service has."""
    ops = f"/v1/ops/{service}"
    routes: tuple[Route, ...] = (
        ("GET", f"{ops}/topics"),
        ("GET", f"{ops}/dead-letters"),
        ("POST", f"{ops}/dead-letters/{{letter_id}}/replay"),
        ("POST", f"{ops}/dead-letters/{{letter_id}}/discard"),
        ("POST", f"{ops}/republish"),
        ("POST", f"{ops}/consumers/{{consumer}}/resume"),
    )
    return EXPECTED[service] | dict.fromkeys(routes, OPERATORS)


@dataclass(frozen=True)
class ServiceApi:
    """A service's API in process; `headers` has the Authorization header of each kind of key, None for no key."""

    service: str
    app: FastAPI
    client: httpx.AsyncClient
    headers: Mapping[str, str | None]

    def routes(self) -> set[Route]:
        """Return the routes of the app; the collector handles its hot routes outside the framework."""
        return served(self.app) | (
            {TRACES, *(("POST", path) for path in HOT)} if self.service == "collector" else set()
        )

    async def request(self, label: str, route: Route) -> httpx.Response:
        method, path = route
        header = self.headers[label]
        return await self.client.request(
            method,
            path.format_map(_IN_PATHS),
            json={} if method in ("POST", "PUT") else None,
            headers={} if header is None else {"Authorization": header},
        )


@pytest.fixture(params=APPS)
async def api(request: pytest.FixtureRequest, migrated_dsn: Callable[..., str]) -> AsyncIterator[ServiceApi]:
    service: str = request.param
    dsn = migrated_dsn(service)
    keys = {plan.label: f"Bearer {add_key(dsn, service, plan, PLACE)}" for plan in PLANS}
    keys[REVOKED.label] = f"Bearer {add_key(dsn, service, REVOKED, PLACE, revoked=True)}"
    build_app, settings = APPS[service]
    app = build_app(settings(database_url=as_role(dsn, f"ratchet_{service}"), kafka_bootstrap="127.0.0.1:9"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield ServiceApi(service, app, client, {**keys, **NOBODY})
    await app.state.keys._engine.dispose()


async def test_every_route_is_listed(api: ServiceApi) -> None:
    found, table = api.routes(), set(expected(api.service))
    assert found == table, found ^ table


async def test_every_key_on_every_route(api: ServiceApi) -> None:
    for route, guests in expected(api.service).items():
        for label in api.headers:
            answer = await api.request(label, route)
            if label in guests:
                fine = answer.status_code < 500 and answer.status_code not in (401, 403)
            else:
                refused = is_status if route == TRACES else is_refusal
                fine = refused(answer, 401 if label in {*NOBODY, REVOKED.label} else 403)
            assert fine, f"{route} with {label}: {answer.status_code} {answer.text}"
