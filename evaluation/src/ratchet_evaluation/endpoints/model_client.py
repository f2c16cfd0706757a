"""Client of an OpenAI-compatible endpoint: pace, concurrency, budget, time-out and bounded retries in one place."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from ratchet.prompt import Json
from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.spend import BudgetExceeded, JudgeSpend, SpendLedger, most_input_tokens
from ratchet_evaluation.domain.judges.spend import reported_usage as usage_of
from ratchet_evaluation.endpoints.call_pace import CallPace
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint

ATTEMPTS = 3
_LONGEST_WAIT_S = 30.0
_MOST_BYTES = 4 * 1024 * 1024
_DEFAULT_OUTPUT = 4096
"""Tokens that a reply may have whose request sets no limit."""


class RequestRejected(UnknownScore):
    """The endpoint refused the request itself: `status` says how."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the endpoint refused the request with status {status}")
        self.status = status


class ModelClient:
    """Posts requests. All calls share the endpoint's limits; each is counted in the ledger that it is made for.

    `sleep` waits between attempts, of which there are at most `attempts`. Texts of requests and replies are in no error
    and no log.
    """

    def __init__(
        self,
        endpoint: ModelEndpoint,
        transport: httpx.AsyncBaseTransport | None = None,
        pace: CallPace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._endpoint, self._attempts = endpoint, attempts
        self._pace = pace or CallPace(endpoint.calls_per_minute)
        self._places = asyncio.Semaphore(endpoint.concurrency)
        self._sleep = sleep
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._http = httpx.AsyncClient(
            headers=headers, timeout=endpoint.timeout_s, transport=transport, follow_redirects=False, trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(self, path: str, body: Mapping[str, Json], ledger: SpendLedger) -> dict[str, Any]:
        """Return the JSON object of a reply. Raises UnknownScore, also if the budget is used up."""
        content = json.dumps(body, ensure_ascii=False).encode()
        reason = ""
        for attempt in range(self._attempts):
            async with self._places:
                await self._pace.wait()
                reserved = await self._reserve(ledger, body, content)
                try:
                    found, reason, wait_s = await self._try(path, content, ledger, reserved)
                except asyncio.CancelledError:
                    ledger.record_call(reserved, None)
                    raise
            if found is not None:
                return found
            if attempt + 1 < self._attempts:
                await self._sleep(min(wait_s or 2.0**attempt, _LONGEST_WAIT_S))
        raise UnknownScore(reason if self._attempts == 1 else f"{reason}, {self._attempts} times")

    async def _send(self, path: str, content: bytes) -> tuple[httpx.Response, bytes | None]:
        """Return the response with its content; None instead of a content that is too large, which is not read on."""
        url, headers = f"{self._endpoint.url}{path}", {"Content-Type": "application/json"}
        received = bytearray()
        async with (
            asyncio.timeout(self._endpoint.timeout_s),
            self._http.stream("POST", url, content=content, headers=headers) as response,
        ):
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > _MOST_BYTES:
                    return response, None
        return response, bytes(received)

    async def _reserve(self, ledger: SpendLedger, body: Mapping[str, Json], content: bytes) -> JudgeSpend:
        default = 0 if "input" in body else _DEFAULT_OUTPUT
        most = body.get("max_completion_tokens", body.get("max_tokens", default))
        try:
            return await ledger.reserve_call(
                most_input_tokens(content), most if isinstance(most, int) else _DEFAULT_OUTPUT
            )
        except BudgetExceeded as error:
            raise UnknownScore(str(error)) from None

    async def _try(
        self, path: str, content: bytes, ledger: SpendLedger, reserved: JudgeSpend
    ) -> tuple[dict[str, Any] | None, str, float | None]:
        """Return the reply; or why it is worth another attempt, and the seconds that the endpoint wants us to wait."""
        try:
            response, reply_content = await self._send(path, content)
        except (httpx.TimeoutException, TimeoutError):
            ledger.record_call(reserved, None)  # it may have been answered
            return None, f"the endpoint did not reply within {self._endpoint.timeout_s:g} s", None
        except httpx.HTTPError as error:
            ledger.release(reserved)
            return None, f"the endpoint can't be reached: {type(error).__name__}", None
        if response.status_code == 429 or response.status_code >= 500:
            ledger.release(reserved)
            return None, f"the endpoint replied with status {response.status_code}", _retry_after(response)
        if response.status_code != 200:
            ledger.release(reserved)
            raise RequestRejected(response.status_code)
        reply = None if reply_content is None else _json_object(reply_content)
        ledger.record_call(reserved, None if reply is None else usage_of(reply))
        if reply is None:
            raise UnknownScore("the endpoint did not reply with JSON")
        return reply, "", None


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
