"""Unknown and repeated query parameters are rejected by name, and our own clients send no unknown one."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Query

from shared.problems import Problem
from shared.web.error_handlers import install_problems
from shared.web.query import check_names, check_parameters, check_period
from tests.support.api_document import service_apps

ROOT = Path(__file__).parents[3]
CLIENTS = ("services/console/src", "sdk/src", "deploy/demo/src", "deploy/local/src")
METHODS = {"get": "GET", "put": "PUT", "maybe": "GET", "items": "GET", "pages": "GET"}


async def test_only_unknown_parameters_are_named() -> None:
    app = FastAPI(dependencies=[Depends(check_parameters)])
    install_problems(app)

    def inner(name: str = "") -> str:
        return name

    @app.get("/v1/things")
    async def things(name: str = Depends(inner), limit: int = 5) -> str:
        return f"{name} {limit}"

    @app.get("/metrics")
    async def metrics() -> str:
        return ""

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service")
    assert (await client.get("/v1/things?name=a&limit=3")).json() == "a 3"
    refused = await client.get("/v1/things?limt=3&nam%65=a&sort")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown-parameter")
    assert [error["field"] for error in refused.json()["errors"]] == ["limt", "sort"]
    assert "known parameters: limit, name" in refused.json()["detail"]
    assert (await client.get("/metrics?module=x")).status_code == 200
    with pytest.raises(Problem):
        check_names(b"\xff\x00=1", ("name",))


async def test_only_lists_may_be_repeated() -> None:
    app = FastAPI(dependencies=[Depends(check_parameters)])
    install_problems(app)

    def inner(name: str | None = None) -> str:
        return name or "-"

    @app.get("/v1/things")
    async def things(
        name: str = Depends(inner), ids: Annotated[list[int] | None, Query(alias="id")] = None, limit: int = 5
    ) -> str:
        return f"{name} {ids} {limit}"

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service")
    assert (await client.get("/v1/things?id=2&id=1&name=a")).json() == "a [2, 1] 5"
    for query, field in (("name=a&id=1&nam%65=a", "name"), ("limit=&limit=3", "limit")):
        refused = await client.get(f"/v1/things?{query}")
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
        assert refused.json()["errors"] == [{"field": field, "reason": "is given 2 times; it takes one value"}]


def test_period_must_contain_a_time() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    for since, until in ((noon, noon + timedelta(microseconds=1)), (None, noon), (noon, None), (None, None)):
        check_period(since, until)
    for until in (noon, noon - timedelta(days=1), datetime(2026, 11, 21, 12, 59, tzinfo=timezone(timedelta(hours=1)))):
        with pytest.raises(Problem) as refused:
            check_period(noon, until)
        assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "since")


def _routes() -> list[tuple[str, re.Pattern[str], set[str]]]:
    """Return method, path and known query parameters of the five services' routes."""
    return [
        (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), _names(operation))
        for app in service_apps().values()
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    ]


def _names(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}


def _client_calls() -> Iterator[tuple[str, str, list[str]]]:
    """Return method, path and parameters of the calls in our clients that name a path of the API."""
    for path in (file for folder in CLIENTS for file in (ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute | ast.Name):
                called = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
                paths = [text for text in map(_text, call.args) if text.startswith("/v1/")]
                if called in METHODS and paths:
                    yield METHODS[called], paths[0], [word.arg for word in call.keywords if word.arg]


def _text(argument: ast.expr) -> str:
    if isinstance(argument, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "x" for part in argument.values)  # type: ignore[misc]
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def test_our_clients_send_no_unknown_parameter() -> None:
    routes, asked = _routes(), list(_client_calls())
    assert len(asked) > 20
    for method, path, names in asked:
        plain = path.partition("?")[0].replace("/v1/ops/x/", "/v1/ops/collector/")
        known = next((found for each, pattern, found in routes if each == method and pattern.fullmatch(plain)), None)
        assert known is not None, (method, path)
        assert set(names) <= known, (method, path, names, known)
