"""Streams of a model's answer, passed to the app event by event while they are noted."""

import copy
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ratchet.integrations.model_call import ModelCall


class _Recorded:
    """Stands for a stream: attributes, methods and `isinstance` are those of the stream itself."""

    def __init__(self, stream: Any, call: ModelCall) -> None:
        self._ratchet_stream, self._ratchet_call = stream, call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ratchet_stream, name)

    def __copy__(self) -> Any:
        """Return a copy of the stream itself: the call ends with one object only."""
        return copy.copy(self._ratchet_stream)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._ratchet_stream)

    def __del__(self) -> None:
        call = self.__dict__.get("_ratchet_call")
        if call is not None:
            call.end_stream()  # without effect after the end


class RecordedStream(_Recorded):
    """A stream of a synchronous client."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            event = next(self._ratchet_stream)
        except StopIteration:
            self._ratchet_call.end_stream()
            raise
        except BaseException as error:
            self._ratchet_call.end_stream(error)
            raise
        self._ratchet_call.add_event(event)
        return event

    def close(self) -> None:
        """Close the stream."""
        self._ratchet_call.end_stream()
        self._ratchet_stream.close()

    def __enter__(self) -> "RecordedStream":
        self._ratchet_stream.__enter__()
        return self

    def __exit__(self, *raised: Any) -> Any:
        self._ratchet_call.end_stream()
        return self._ratchet_stream.__exit__(*raised)


class RecordedAsyncStream(_Recorded):
    """A stream of an asynchronous client."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            event = await anext(self._ratchet_stream)
        except StopAsyncIteration:
            self._ratchet_call.end_stream()
            raise
        except BaseException as error:
            self._ratchet_call.end_stream(error)
            raise
        self._ratchet_call.add_event(event)
        return event

    async def close(self) -> None:
        """Close the stream."""
        self._ratchet_call.end_stream()
        await self._ratchet_stream.close()

    aclose = close

    async def __aenter__(self) -> "RecordedAsyncStream":
        await self._ratchet_stream.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> Any:
        self._ratchet_call.end_stream()
        return await self._ratchet_stream.__aexit__(*raised)


def recorded_stream(stream: Any, call: ModelCall) -> Any:
    """Return `stream` with its events noted in `call`; None if it is not a stream."""
    if hasattr(type(stream), "__anext__"):
        return RecordedAsyncStream(stream, call)
    return RecordedStream(stream, call) if hasattr(type(stream), "__next__") else None
