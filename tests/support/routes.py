"""Routes of an app, keys in a service's own table, and rejections."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from gatekeeper.domain.api_keys import KeyPlan, new_api_key
from tests.support.databases import psql

Route = tuple[str, str]
"""Method and path of a route, the path as its template."""
OPEN = {"/health/live", "/health/ready", "/metrics"}
"""Paths that need no key."""


def served(app: FastAPI) -> set[Route]:
    """Return all routes of the app that need a key."""
    return {(method, path) for method, path in _walk(app.routes) if path not in OPEN}


def _walk(routes: Any, prefix: str = "") -> Iterator[Route]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield from ((method, prefix + route.path_format) for method in route.methods or ())
        elif inner := getattr(route, "original_router", None):
            yield from _walk(inner.routes, prefix)
        elif getattr(route, "routes", None):
            yield from _walk(route.routes, prefix + getattr(route, "path", ""))


def add_key(dsn: str, service: str, plan: KeyPlan, scope: Mapping[str, str], revoked: bool = False) -> str:
    """Insert a key into the service's copy of the keys. Return its text. `dsn` is the owner's."""
    key = new_api_key()
    psql(
        dsn,
        f"""INSERT INTO {service}.api_keys (key_id, revision, secret_hash, subject, subject_kind, project,
              environment, scopes, revoked)
            VALUES ('{key.key_id}', 1, '{key.secret_hash}', '{plan.subject}', '{plan.kind}', '{scope["project"]}',
              '{scope["environment"]}', '{{{",".join(plan.scopes)}}}', {revoked})""",
    )
    return key.raw


def is_refusal(answer: httpx.Response, status: int) -> bool:
    """Return whether `response` is a problem document with that status; a 401 must have `WWW-Authenticate`."""
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["status"] == status
        and (status != 401 or answer.headers["www-authenticate"] == "Bearer")
    )


def is_status(answer: httpx.Response, status: int) -> bool:
    """Return whether `answer` is a refusal of OTLP with that status; a 401 must have `WWW-Authenticate`."""
    return (
        answer.status_code == status
        and {"code", "message"} <= answer.json().keys()
        and (status != 401 or answer.headers["www-authenticate"] == "Bearer")
    )
