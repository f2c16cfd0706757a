"""Talking to the server: every failure ends the command with its exit code."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from ratchet.cli.credentials import Credentials, NoCredentials, Role, find
from ratchet.cli.output import Exit, fail
from ratchet.client.options import certificates

_TIMEOUT = 30.0
_CODES = {
    **dict.fromkeys((401, 403), Exit.NOT_AUTHORISED),
    **dict.fromkeys((404, 410), Exit.NOT_FOUND),
    409: Exit.CONFLICT,
    **dict.fromkeys((400, 413, 415, 422), Exit.INVALID),
}


def credentials(role: Role) -> Credentials:
    """The credentials for a role; ends the command where there are none."""
    try:
        return find(role, os.environ)
    except NoCredentials as error:
        fail(str(error), Exit.USAGE)


class Session:
    """A connection with the key of one role."""

    def __init__(self, who: Credentials, client: httpx.Client) -> None:
        self._who, self._client = who, client

    def get(self, path: str, **params: object) -> dict[str, Any]:
        """The JSON object at a path; parameters that are None are left out."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return self._call("GET", path, params=given)

    def post(self, path: str, body: Mapping[str, object], timeout: float = _TIMEOUT) -> dict[str, Any]:
        """The JSON object that a path answers to a body."""
        return self._call("POST", path, json=body, timeout=timeout)

    def put(self, path: str, body: Mapping[str, object], **params: object) -> dict[str, Any]:
        """The JSON object that a path answers to a body that takes the place of what is there."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return self._call("PUT", path, json=body, params=given)

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            fail(f"{self._who.url} can't be reached: {type(error).__name__}", Exit.UNREACHABLE)
        return read(answer)


@contextmanager
def session(role: Role) -> Iterator[Session]:
    """A connection for a command that asks more than once."""
    who = credentials(role)
    with new_client(who) as client:
        yield Session(who, client)


def new_client(who: Credentials) -> httpx.Client:
    """An HTTP client that shows the key."""
    return httpx.Client(
        base_url=who.url,
        headers={"authorization": f"Bearer {who.key}"},
        timeout=_TIMEOUT,
        verify=certificates(who.url),
    )


def get(role: Role, path: str, **params: object) -> dict[str, Any]:
    """`Session.get`, once."""
    with session(role) as server:
        return server.get(path, **params)


def post(role: Role, path: str, body: Mapping[str, object], timeout: float = _TIMEOUT) -> dict[str, Any]:
    """`Session.post`, once."""
    with session(role) as server:
        return server.post(path, body, timeout)


def read(answer: httpx.Response) -> dict[str, Any]:
    """An answer's JSON object; ends the command for a problem, and for what is not Ratchet's."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    found: dict[str, Any] = body if isinstance(body, dict) else {}
    if not answer.is_success:
        fail(problem(found) or f"the server answered {answer.status_code}", exit_code(answer.status_code))
    if not found:
        fail(f"the server's answer ({answer.status_code}) is not Ratchet's: check RATCHET_URL")
    return found


def problem(body: Mapping[str, Any]) -> str:
    """The one line that says what was refused: `title: detail`, or the detail alone where it says it all."""
    parts = ("detail",) if body.get("code") == "scope-missing" and body.get("detail") else ("title", "detail")
    texts = [str(body[part]) for part in parts if body.get(part)]
    return ": ".join(texts[:1] if len({text.casefold() for text in texts}) == 1 else texts)


def exit_code(status: int) -> Exit:
    """What a refusal's HTTP status means for the shell."""
    if status >= 500 or status == 429:
        return Exit.UNREACHABLE
    return _CODES.get(status, Exit.FAILED)
