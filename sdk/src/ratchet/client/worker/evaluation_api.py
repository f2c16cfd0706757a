"""Requests of a worker: each is answered, refused, or to be repeated."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from ratchet.client.transport import retry_after
from ratchet.client.worker.held_leases import EncodedAnswer
from ratchet.client.worker.leased_tasks import LeaseKey

_MAX_RESPONSE = 32_000_000
_MORE_S = 10.0
"""Seconds that a response may take longer than the server was asked to wait."""
_MAX_REASON = 300
_INVALID = frozenset({400, 409, 413, 415, 422})


class UnavailableServer(Exception):
    """No valid response, or one that asks to come again. `retry_after`: the seconds that the server asks to wait."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class RefusedRequest(Exception):
    """The server refuses a request. `invalid`: for what is in it, and not for the key or the address."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.invalid = status in _INVALID


class EvaluationApi:
    """The routes of evaluation tasks. Every method raises UnavailableServer or RefusedRequest."""

    def __init__(self, client: httpx.AsyncClient, worker: str, prompts: Sequence[str] | None) -> None:
        self._client = client
        self._asked: dict[str, Any] = {"worker": worker}
        if prompts is not None:
            self._asked["prompts"] = [*prompts]

    async def lease(self, most: int, wait_s: float) -> list[Any]:
        """Return at most `most` leased tasks; none after `wait_s` seconds without any."""
        body = json.dumps({**self._asked, "max": most, "wait_s": wait_s}).encode()
        return _list(await self._post("leases", body, wait_s + _MORE_S), "tasks")

    async def extend(self, keys: Iterable[LeaseKey]) -> frozenset[str]:
        """Extend leases; return the ids of the tasks whose lease is lost."""
        body = json.dumps({"tasks": [key._asdict() for key in keys]}).encode()
        return frozenset(map(str, _list(await self._post("heartbeats", body, _MORE_S), "lost")))

    async def send(self, answers: Sequence[EncodedAnswer]) -> frozenset[str]:
        """Send answers; return the ids of the tasks whose lease was lost before. Repeating it changes nothing."""
        body = b'{"answers": [' + b", ".join(answer.body for answer in answers) + b"]}"
        return frozenset(map(str, _list(await self._post("answers", body, _MORE_S), "lost")))

    async def _post(self, route: str, body: bytes, seconds: float) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                status, headers, content = await self._exchange(route, body, seconds)
        except (httpx.HTTPError, TimeoutError) as error:
            raise UnavailableServer(type(error).__name__) from None
        found = _json_object(content)
        if 200 <= status < 300 and found is not None:
            return found
        reason = _reason(status, found)
        if 400 <= status < 500 and status not in (408, 425, 429):
            raise RefusedRequest(status, reason)
        raise UnavailableServer(reason, retry_after(headers))

    async def _exchange(self, route: str, body: bytes, seconds: float) -> tuple[int, httpx.Headers, bytes]:
        path, headers = f"/v1/evaluation-tasks/{route}", {"content-type": "application/json"}
        async with self._client.stream("POST", path, content=body, headers=headers, timeout=seconds) as response:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _MAX_RESPONSE:
                    raise UnavailableServer("the server's response is too long")
            return response.status_code, response.headers, bytes(content)


def _list(found: Mapping[str, Any], field: str) -> list[Any]:
    value = found.get(field)
    if not isinstance(value, list):
        raise UnavailableServer("the response is not from a Ratchet server")
    return value


def _json_object(content: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _reason(status: int, found: Mapping[str, Any] | None) -> str:
    problem = found or {}
    text = problem.get("detail") or problem.get("title")
    return f"the server answered {status}" + (f": {str(text)[:_MAX_REASON]}" if text else "")
