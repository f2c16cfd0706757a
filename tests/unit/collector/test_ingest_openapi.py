"""Ingestion refuses what the API's document says is invalid; tests/integration/services has the opposite."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.domain.model import Origin
from collector.domain.request_context import PseudonymKey, RequestContext, Route
from collector.domain.schemas import ExecutionBody, FeedbackBody
from collector.domain.validation import parse_request
from shared.problems import Problem
from tests.support.api_document import DescribedApi, service_app

CONTEXT = RequestContext(
    "key", Origin("shop", "production", datetime(2026, 11, 21, 12, tzinfo=UTC)), PseudonymKey("k1", b"s" * 32)
)

ROUTES: dict[Route, type[Any]] = {"executions": ExecutionBody, "feedback": FeedbackBody}


VALID: dict[Route, dict[str, Any]] = {
    "executions": {"id": "e", "target": "t", "input": [{"role": "user", "content": "x"}], "user": 7},
    "feedback": {"execution_id": 3, "kind": "thumb", "value": "up", "comment": "x"},
}
CHANGES: list[tuple[Route, dict[str, Any]]] = [
    ("executions", {"target": None}),
    ("executions", {"target": "a\nb"}),
    ("executions", {"id": ""}),
    ("executions", {"id": "x" * 129}),
    ("executions", {"user": 1.5}),
    ("executions", {"input": 5}),
    ("executions", {"cost": -1}),
    ("executions", {"outcome": "fine"}),
    ("executions", {"prompts": [{"name": "a,b"}]}),
    ("executions", {"prompts": [{"name": "a", "digest": "sha256:0"}]}),
    ("executions", {"tools": [1]}),
    ("executions", {"unknown": 1}),
    ("feedback", {"execution_id": None}),
    ("feedback", {"value": 1}),
    ("feedback", {"kind": "rating", "value": 6}),
    ("feedback", {"kind": "rating", "value": True}),
    ("feedback", {"kind": "score", "value": 1.0}),
    ("feedback", {"kind": "score", "value": 1e13, "name": "s"}),
    ("feedback", {"kind": "label", "value": "x" * 201}),
    ("feedback", {"kind": "label", "value": " "}),
    ("feedback", {"kind": "comment", "value": "x"}),
    ("feedback", {"kind": "smile"}),
    ("feedback", {"kind": "preference", "value": {"best": "x"}, "comment": None}),
    ("feedback", {"kind": "dwell", "value": -1, "comment": None}),
    ("feedback", {"kind": "dwell", "value": None, "comment": None}),
    ("feedback", {"kind": "requery", "value": False, "comment": None}),
    ("feedback", {"kind": "click", "value": 1, "comment": None}),
    ("feedback", {"kind": "click", "value": True}),
    ("feedback", {"kind": "copy", "value": True, "comment": None, "source": "explicit"}),
    ("feedback", {"comment": ""}),
]


@pytest.fixture(scope="module")
def api() -> DescribedApi:
    """The described API; it compiles each schema once."""
    return DescribedApi(service_app("collector").openapi())


@pytest.mark.parametrize(("route", "change"), CHANGES, ids=str)
def test_what_the_schema_forbids_is_refused(api: DescribedApi, route: Route, change: dict[str, Any]) -> None:
    reference = {"$ref": f"#/components/schemas/{ROUTES[route].__name__}"}
    body = {**VALID[route], **change}
    assert api.is_valid(reference, VALID[route])
    parse_request(route, json.dumps(VALID[route]).encode(), CONTEXT)
    assert not api.is_valid(reference, body)
    with pytest.raises(Problem):
        parse_request(route, json.dumps(body).encode(), CONTEXT)
