"""Request bodies: each invalid field is named, and unknown ones are rejected."""

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError

from gatekeeper.api.grants import GrantRevocation, NewGrant
from gatekeeper.api.keys import KeyRequest
from gatekeeper.api.kill_switch import SwitchChange
from gatekeeper.api.proposals import NewDecision, NewProposal
from gatekeeper.api.request_body import RequestBody, describe_body, json_body
from gatekeeper.api.rollback import Rollback
from gatekeeper.api.sessions import NewLink
from gatekeeper.domain.errors import BoundaryError
from shared.problems import Problem
from shared.web.json_body import MAX_BODY

DIGEST = "sha256:" + "a" * 64
GRANT = {"name": "a", "slot": "s", "count": 1, "per_hour": 2, "expires_at": "2026-01-01T00:00:00+00:00"}
DECISION = {"verdict": "approved", "digest": DIGEST, "reason": ""}
PROPOSAL: dict[str, Any] = {"target": "bot", "name": "a/b", "base_digest": None, "document": {}, "why": "because"}


def request(body: bytes, **headers: str) -> Request:
    given = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in given.items()]}
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    return Request(scope, receive)


def read(model: type[RequestBody], values: object, *, optional: bool = False) -> RequestBody:
    body = values if isinstance(values, bytes) else json.dumps(values).encode()
    return asyncio.run(json_body(model, optional=optional)(request(body)))


def fields_refused(model: type[RequestBody], values: object) -> list[str]:
    with pytest.raises(RequestValidationError) as caught:
        read(model, values)
    return [fault["loc"][1] for fault in caught.value.errors()]


@pytest.mark.parametrize(
    ("model", "good", "field", "wrong"),
    [
        (SwitchChange, {"reason": "r"}, "reason", [None, 1, "", "x" * 2001, []]),
        (NewDecision, DECISION, "verdict", [None, "maybe", ["approved"]]),
        (NewDecision, DECISION, "digest", [None, DIGEST.upper(), DIGEST + "\n", 1]),
        (NewDecision, DECISION, "reason", [None, "x" * 2001]),
        (Rollback, {"to_digest": DIGEST, "reason": ""}, "to_digest", ["", 0, "sha256:"]),
        (NewGrant, GRANT, "count", [None, 0, 10_001, 1.5, 1.0, True, "1"]),
        (NewGrant, GRANT, "name", [None, "", "a,b", 1, "x" * 129]),
        (
            NewGrant,
            GRANT,
            "expires_at",
            [None, "soon", "2026-01-01", "2026-01-01T00:00:00", "9999-01-01T00:00:00Z", 5],
        ),
        (NewProposal, PROPOSAL, "document", [None, [], "{}"]),
        (NewProposal, PROPOSAL, "target", [None, "", "a\nb", "x" * 129]),
        (NewLink, {"subject": "ann", "role": "viewer"}, "role", [None, "owner", 1]),
        (KeyRequest, {"subject": "app", "scopes": ["read"]}, "scopes", [None, [], "read", ["admin"], [["read"]]]),
    ],
)
def test_a_wrong_field_is_named(model: type[RequestBody], good: dict[str, Any], field: str, wrong: list[Any]) -> None:
    assert read(model, good)
    for value in wrong:
        assert fields_refused(model, {**good, field: value}) == [field], value


def test_values_are_parsed() -> None:
    grant = read(NewGrant, {**GRANT, "name": "e\u0301"})
    assert isinstance(grant, NewGrant)
    assert (grant.name, grant.expires_at) == ("é", datetime(2026, 1, 1, tzinfo=UTC))


def test_unknown_and_missing_fields_are_named() -> None:
    assert fields_refused(SwitchChange, {"reason": "r", "x": 1}) == ["x"]
    assert fields_refused(NewGrant, {}) == ["name", "slot", "count", "per_hour", "expires_at"]


def test_only_an_optional_body_may_be_empty() -> None:
    assert read(GrantRevocation, b"", optional=True) == GrantRevocation(reason="")
    with pytest.raises(Problem):
        read(GrantRevocation, b"")


@pytest.mark.parametrize("body", [b'{"reason": "a", "reason": "b"}', b"[]", b"{", b'"x"', b'{"reason": NaN}'])
def test_json_is_read_strictly(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read(SwitchChange, body)
    assert caught.value.status in (400, 422)


@pytest.mark.parametrize(
    ("headers", "status"), [({"content-type": "text/plain"}, 415), ({"content-encoding": "gzip"}, 415), ({}, 413)]
)
def test_media_type_encoding_and_size_are_checked(headers: dict[str, str], status: int) -> None:
    with pytest.raises(Problem) as caught:
        asyncio.run(json_body(SwitchChange)(request(b" " * (MAX_BODY + 1), **headers)))
    assert caught.value.status == status


@pytest.mark.parametrize("model", [NewGrant, KeyRequest, NewProposal, NewDecision, Rollback, NewLink])
def test_the_api_description_has_the_schema(model: type[RequestBody]) -> None:
    app = FastAPI()

    @app.post("/x", openapi_extra=describe_body(model, {}))
    async def route() -> None: ...

    content = app.openapi()["paths"]["/x"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert content["additionalProperties"] is False
    assert set(content["properties"]) == set(model.model_fields)
    referred = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(content)))
    assert referred <= set(describe_body(model, {})["x-schemas"])


def test_a_refusal_has_a_status_also_if_only_tampering_causes_it() -> None:
    assert (BoundaryError("halted", "").status, BoundaryError("own-proposal", "").status) == (409, 403)
    assert BoundaryError(str(uuid4()), "").status == 409
    assert BoundaryError("sequence", "").title
