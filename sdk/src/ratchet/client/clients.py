"""The public clients: `Ratchet` for threads, `AsyncRatchet` for asyncio."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from ratchet.client.client_base import Client
from ratchet.client.prompts import Default, ServedPrompt
from ratchet.client.recorded_items import Id
from ratchet.client.subscriber import resolve


class Ratchet(Client):
    """The client for synchronous code. Thread-safe; starts no thread before its first use.

    Use it as a context manager or call `close()`; when the interpreter exits it sends for up to 2 seconds more.
    """

    def prompt(
        self,
        name: str,
        default: Default | None = None,
        *,
        target: str | None = None,
        user: Id | None = None,
        session: Id | None = None,
    ) -> ServedPrompt:
        """Return the live version of a prompt, else `default`: a text, a document, a Prompt or a Path.

        `target` names what its executions are about; by default the target of the live version. `user` and `session`,
        by default those of the observed call, decide which arm of a gradual rollout is served: the same each time;
        without them the base. They are not sent. Blocks for at most
        `first_wait` seconds, at the first use of a name only; later versions are pushed. Raises NoPrompt where there
        is no live version and no default, and PromptError or OSError for an invalid name (see
        `ratchet.prompt.prompt_name`) or default. Network faults raise nothing else.
        """
        first = self._first_answer(name)
        try:
            first.result(self._options.first_wait)
        except TimeoutError:
            resolve(first)
        return self._serve(name, default, target, user, session)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until the server has answered for everything recorded; False if that takes over `timeout` seconds."""
        return self._flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Send what is pending for up to `timeout` seconds, then stop; False if anything was left unsent."""
        return self._close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncRatchet(Client):
    """The client for asyncio. `record`, `complete` and `feedback` are plain functions: they never wait."""

    async def prompt(
        self,
        name: str,
        default: Default | None = None,
        *,
        target: str | None = None,
        user: Id | None = None,
        session: Id | None = None,
    ) -> ServedPrompt:
        """Like `Ratchet.prompt`, without blocking the event loop."""
        first = self._first_answer(name)
        if not first.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(first)), self._options.first_wait)
            resolve(first)
        return self._serve(name, default, target, user, session)

    async def flush(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109
        """Like `Ratchet.flush`."""
        return await asyncio.to_thread(self._flush, timeout)

    async def close(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109
        """Like `Ratchet.close`."""
        return await asyncio.to_thread(self._close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
