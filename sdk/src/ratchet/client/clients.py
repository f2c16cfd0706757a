"""The two clients: one core, two ways to wait."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from ratchet.client.core import Client
from ratchet.client.prompts import Default, ServedPrompt
from ratchet.client.subscriber import wait_for_result


class Ratchet(Client):
    """The client for ordinary code. Thread-safe; starts no thread before it is first used.

    Use it as a context manager or `close()` it; at the interpreter's end it sends for up to two seconds more.
    """

    def prompt(self, name: str, default: Default | None = None, *, target: str | None = None) -> ServedPrompt:
        """The live version of a prompt, else `default`: a text, a document, a Prompt or a Path.

        `target` is what executions with it are about; by default what the live version was made for. Waits for
        the server at most `first_wait` seconds, and only at the first use of a name; pushed from then on. Never
        raises for what the network does, unless there is nothing to serve: NoPrompt. A wrong name
        (`ratchet.prompt.prompt_name` has the rule) or default raises PromptError or OSError.
        """
        first = self._first_answer(name)
        try:
            first.result(self._options.first_wait)
        except TimeoutError:
            wait_for_result(first)
        return self._serve(name, default, target)

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until the server has answered for everything recorded; False if not within `timeout` seconds."""
        return self._flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Sends what is pending for up to `timeout` seconds and ends; False if something was given up."""
        return self._close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncRatchet(Client):
    """The client for asyncio. `record` and `feedback` are plain calls, because they never wait."""

    async def prompt(self, name: str, default: Default | None = None, *, target: str | None = None) -> ServedPrompt:
        """As `Ratchet.prompt`, without blocking the event loop."""
        first = self._first_answer(name)
        if not first.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(first)), self._options.first_wait)
            wait_for_result(first)
        return self._serve(name, default, target)

    async def flush(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109
        """As `Ratchet.flush`."""
        return await asyncio.to_thread(self._flush, timeout)

    async def close(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109
        """As `Ratchet.close`."""
        return await asyncio.to_thread(self._close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
