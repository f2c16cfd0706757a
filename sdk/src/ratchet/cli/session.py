"""Requests to the server; every failure ends the command with its exit code."""

import os
from collections.abc import Generator, Iterator, Mapping
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
    """Return the credentials for a role; ends the command where there are none."""
    try:
        return find(role, os.environ)
    except NoCredentials as error:
        fail(str(error), Exit.USAGE)


class Session:
    """A connection with the API key of one role."""

    def __init__(self, credentials: Credentials, client: httpx.Client) -> None:
        self._credentials, self._client = credentials, client

    def get(self, path: str, **params: object) -> dict[str, Any]:
        """GET a JSON object; parameters that are None are left out."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return self._call("GET", path, params=given)

    def stream(self, path: str, **params: object) -> Generator[bytes, None, None]:
        """GET a content in chunks; ends the command for a problem, or if the content is incomplete."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        try:
            with self._client.stream("GET", path, params=given) as answer:
                if not answer.is_success:
                    answer.read()
                    read(answer)
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            fail(f"the response of {self._credentials.url} is incomplete: {type(error).__name__}", Exit.UNREACHABLE)

    def post(self, path: str, body: Mapping[str, object], timeout: float = _TIMEOUT) -> dict[str, Any]:
        """POST a body; return the JSON object of the response."""
        return self._call("POST", path, json=body, timeout=timeout)

    def put(self, path: str, body: Mapping[str, object], **params: object) -> dict[str, Any]:
        """PUT a body; return the JSON object of the response."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return self._call("PUT", path, json=body, params=given)

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            fail(f"{self._credentials.url} can't be reached: {type(error).__name__}", Exit.UNREACHABLE)
        return read(answer)


@contextmanager
def session(role: Role) -> Iterator[Session]:
    """Return a connection for a command with several requests."""
    found = credentials(role)
    with new_client(found) as client:
        yield Session(found, client)


def new_client(credentials: Credentials) -> httpx.Client:
    """Return an HTTP client that sends the API key."""
    return httpx.Client(
        base_url=credentials.url,
        headers={"authorization": f"Bearer {credentials.key}"},
        timeout=_TIMEOUT,
        verify=certificates(credentials.url),
    )


def new_async_client(credentials: Credentials) -> httpx.AsyncClient:
    """Return an HTTP client for asyncio that sends the API key."""
    headers = {"authorization": f"Bearer {credentials.key}", "accept-encoding": "identity"}
    return httpx.AsyncClient(
        base_url=credentials.url, headers=headers, timeout=_TIMEOUT, verify=certificates(credentials.url)
    )


def get(role: Role, path: str, **params: object) -> dict[str, Any]:
    """Call `Session.get` on a new connection."""
    with session(role) as server:
        return server.get(path, **params)


def post(role: Role, path: str, body: Mapping[str, object], timeout: float = _TIMEOUT) -> dict[str, Any]:
    """Call `Session.post` on a new connection."""
    with session(role) as server:
        return server.post(path, body, timeout)


def read(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a response; ends the command for a problem or any other content."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    found: dict[str, Any] = body if isinstance(body, dict) else {}
    if not answer.is_success:
        fail(problem(found) or f"the server answered {answer.status_code}", exit_code(answer.status_code))
    if not found:
        fail(f"the response ({answer.status_code}) is not from a Ratchet server: check RATCHET_URL")
    return found


def problem(body: Mapping[str, Any]) -> str:
    """Return a problem as one line: `title: detail`, or one of them where the other adds nothing."""
    parts = ("detail",) if body.get("code") == "scope-missing" and body.get("detail") else ("title", "detail")
    texts = [str(body[part]) for part in parts if body.get(part)]
    return ": ".join(texts[:1] if len({text.casefold() for text in texts}) == 1 else texts)


def exit_code(status: int) -> Exit:
    """Return the exit code of an HTTP status."""
    if status >= 500 or status == 429:
        return Exit.UNREACHABLE
    return _CODES.get(status, Exit.FAILED)
