"""Talking to the server: every failure ends the command with its exit code."""

import os
from collections.abc import Mapping
from typing import Any

import httpx

from ratchet.cli.credentials import Credentials, NoCredentials, Role, find
from ratchet.cli.output import Exit, fail

_TIMEOUT = 30.0


def credentials(role: Role) -> Credentials:
    """The credentials for a role; ends the command where there are none."""
    try:
        return find(role, os.environ)
    except NoCredentials as error:
        fail(str(error), Exit.USAGE)


def get(role: Role, path: str, **params: object) -> dict[str, Any]:
    """The JSON object at a path; parameters that are None are left out."""
    given = {name: str(value) for name, value in params.items() if value is not None}
    return _call(role, "GET", path, params=given)


def post(role: Role, path: str, body: Mapping[str, object], timeout: float = _TIMEOUT) -> dict[str, Any]:
    """The JSON object that a path answers to a body."""
    return _call(role, "POST", path, json=body, timeout=timeout)


def _call(role: Role, method: str, path: str, timeout: float = _TIMEOUT, **request: Any) -> dict[str, Any]:
    who = credentials(role)
    try:
        with httpx.Client(base_url=who.url, timeout=timeout) as client:
            answer = client.request(method, path, headers={"authorization": f"Bearer {who.key}"}, **request)
    except httpx.HTTPError as error:
        fail(f"{who.url} can't be reached: {type(error).__name__}", Exit.UNREACHABLE)
    return read(answer)


def read(answer: httpx.Response) -> dict[str, Any]:
    """An answer's JSON object; ends the command for a problem, and for what is not Ratchet's."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    found: dict[str, Any] = body if isinstance(body, dict) else {}
    if not answer.is_success or not found:
        said = ": ".join(str(found[part]) for part in ("title", "detail") if found.get(part))
        fail(said or f"the server answered {answer.status_code}", exit_code(answer.status_code))
    return found


def exit_code(status: int) -> Exit:
    """What a refusal's HTTP status means for the shell."""
    if status in (401, 403):
        return Exit.NOT_AUTHORISED
    return Exit.UNREACHABLE if status in (502, 503, 504) else Exit.FAILED
