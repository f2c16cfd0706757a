"""Reports of what this client serves, so that the server shows which instances serve a version, and which don't.

A report replaces the last one. It is sent within half a second of a change, and again every 20 to 30 s.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Set
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote

import httpx

from ratchet.client.prompt_cache import PromptCache
from ratchet.client.response_limits import put
from ratchet.client.transport import retry_after
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

INTERVAL_S = (20.0, 30.0)
"""Least and most seconds between two reports; the server forgets an instance after 90."""
DELAY_S = 0.5
"""Seconds at most that a change waits, so that the instances of an app don't all report at once."""
_UNSUPPORTED_S = 600.0
"""Seconds without a report to a server that does not know them."""
_MAX_NAMES = 200


def sdk_name() -> str:
    """Return language and version of this client."""
    try:
        return f"python/{version('ratchet-sdk')}"
    except PackageNotFoundError:
        return "python"


class InstanceReporter:
    """Sends what `cache` serves as the report of `instance`. Its coroutines run in the subscriber's event loop."""

    def __init__(
        self,
        cache: PromptCache,
        instance: str,
        timeout: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`timeout` in seconds, of each request."""
        self._cache, self._instance, self._timeout, self._sleep = cache, instance, timeout, sleep
        self._sdk = sdk_name()
        self._stream: str | None = None
        self.changed = asyncio.Event()

    def connected(self, stream: str | None) -> None:
        """Report soon, as the client of this stream."""
        self._stream = stream
        self.changed.set()

    async def run(self, client: httpx.AsyncClient, names: Set[str]) -> None:
        """Report whenever `changed` is set, and every 20 to 30 s; until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(*INTERVAL_S)):  # noqa: S311  # wait_for may lose a cancellation
                    await self.changed.wait()
            await self._sleep(random.uniform(0.0, DELAY_S))  # noqa: S311
            self.changed.clear()
            if self._cache.trusts_keys and (pause := await self._report(client, names)):
                await self._sleep(pause)

    async def _report(self, client: httpx.AsyncClient, names: Set[str]) -> float:
        """Send a report; return for how many seconds to send none. Logs what goes wrong; raises nothing."""
        body = {"sdk": self._sdk, "stream": self._stream, "prompts": self._cache.report(sorted(names)[:_MAX_NAMES])}
        try:
            answer = await put(client, f"/v1/instances/{quote(self._instance, safe='')}", self._timeout, body)
        except Exception as error:  # any error: the next report is due in half a minute
            self._log(type(error).__name__)
            return 0.0
        if answer.status in (404, 405):
            return _UNSUPPORTED_S
        if answer.status != 204:
            self._log(f"the server answered {answer.status}")
            return retry_after(answer.headers) or 0.0
        return 0.0

    def _log(self, reason: str) -> None:
        with contextlib.suppress(Exception):  # a log handler of the app's
            log.info("ratchet: what is served could not be reported: %s", visible(reason))
