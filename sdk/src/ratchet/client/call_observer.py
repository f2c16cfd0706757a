"""Observation of functions and blocks of the app's code: `client.observe`."""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextvars import Token
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast

from ratchet.client.captured_values import CapturedItems, Unrecordable, argument_capture, copy_value
from ratchet.client.fault_log import FaultLog
from ratchet.client.observed_call import CURRENT, ObservedCall

Function = TypeVar("Function", bound=Callable[..., Any])
AnyFunction = Callable[..., Any]
Begin = Callable[[tuple[Any, ...], dict[str, Any]], ObservedCall]
"""Begins a call of a function with these arguments."""


class CallStarter(Protocol):
    """What an observation needs of its client."""

    faults: FaultLog

    def begin_call(
        self, name: str, target: str | None, prompts: Iterable[Any], fields: dict[str, Any]
    ) -> ObservedCall: ...


class CallObserver:
    """A decorator, and a context manager that returns the call: see `client.observe`."""

    def __init__(
        self,
        client: CallStarter,
        target: str | None,
        prompts: Sequence[Any],
        fields: dict[str, Any],
        captures_input: bool,
        captures_output: bool,
    ) -> None:
        self._client, self._target, self._prompts, self._fields = client, target, prompts, fields
        self._captures_input, self._captures_output = captures_input, captures_output
        self._entered: list[tuple[ObservedCall, Token[ObservedCall | None]]] = []

    def __enter__(self) -> ObservedCall:
        call = self._client.begin_call(self._target or "call", self._target, self._prompts, dict(self._fields))
        self._entered.append((call, CURRENT.set(call)))
        return call

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        call, token = self._entered.pop()
        _leave(token)
        _end(call, error)

    def __call__(self, function: Function) -> Function:
        """Return `function` observed: a function, a coroutine function, a generator or an async generator."""
        name = getattr(function, "__name__", "call")
        capture = argument_capture(function) if self._captures_input else None

        def begin(given: tuple[Any, ...], keywords: dict[str, Any]) -> ObservedCall:
            fields = dict(self._fields)
            if capture is not None:
                with self._client.faults.contained("the arguments of a call"):
                    fields.setdefault("input", capture(given, keywords))
            return self._client.begin_call(name, self._target, self._prompts, fields)

        observed = _observed(function, begin, self._captures_output)
        return cast(Function, functools.wraps(function)(observed))


def _observed(function: AnyFunction, begin: Begin, captures: bool) -> AnyFunction:
    """Return a function of the same kind as `function`, each call of which is observed."""
    if inspect.isasyncgenfunction(function):
        return _observed_async_generator(function, begin, captures)
    if inspect.isgeneratorfunction(function):
        return _observed_generator(function, begin, captures)
    if inspect.iscoroutinefunction(function):

        async def run(*given: Any, **keywords: Any) -> Any:
            call = begin(given, keywords)
            token = CURRENT.set(call)
            try:
                result = await function(*given, **keywords)
            except BaseException as error:
                _leave(token)
                call.end(error)
                raise
            _leave(token)
            _end_with(call, result, captures)
            return result

        return run

    def run_now(*given: Any, **keywords: Any) -> Any:
        call = begin(given, keywords)
        token = CURRENT.set(call)
        try:
            result = function(*given, **keywords)
        except BaseException as error:
            _leave(token)
            call.end(error)
            raise
        _leave(token)
        _end_with(call, result, captures)
        return result

    return run_now


def _end_with(call: ObservedCall, result: object, captures: bool) -> None:
    """End a call with the result of its function."""
    found = Unrecordable
    if captures:
        with call.client.faults.contained("the result of a call"):
            found = copy_value(result)
    if found is Unrecordable:
        call.end(outcome="ok")
    else:
        call.end(output=found, outcome="ok")


def _observed_generator(function: AnyFunction, begin: Begin, captures: bool) -> AnyFunction:
    """Return a generator function. Its call is current only while `function` runs, and ends with it."""

    def generate(*given: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        call, items = begin(given, keywords), CapturedItems(captures)
        inner: Generator[Any, Any, Any] = function(*given, **keywords)
        resume, value = cast(AnyFunction, inner.send), cast(Any, None)
        try:
            while True:
                token = CURRENT.set(call)
                try:
                    item = resume(value)
                except StopIteration as stop:
                    _end(call, None, items.output())
                    return stop.value
                finally:
                    _leave(token)
                items.add(item)
                try:
                    resume, value = inner.send, (yield item)
                except Exception as thrown:
                    resume, value = inner.throw, thrown
        except BaseException as error:
            inner.close()
            _end(call, error, items.output())
            raise

    return generate


def _observed_async_generator(function: AnyFunction, begin: Begin, captures: bool) -> AnyFunction:
    """Return an async generator function, as `_observed_generator` does."""

    async def generate(*given: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        call, items = begin(given, keywords), CapturedItems(captures)
        inner: AsyncGenerator[Any, Any] = function(*given, **keywords)
        resume, value = cast(AnyFunction, inner.asend), cast(Any, None)
        try:
            while True:
                token = CURRENT.set(call)
                try:
                    item = await resume(value)
                except StopAsyncIteration:
                    break
                finally:
                    _leave(token)
                items.add(item)
                try:
                    resume, value = inner.asend, (yield item)
                except Exception as thrown:
                    resume, value = inner.athrow, thrown
        except BaseException as error:
            _end(call, error, items.output())
            await inner.aclose()
            raise
        _end(call, None, items.output())

    return generate


def _leave(token: Token[ObservedCall | None]) -> None:
    try:  # noqa: SIM105  (suppress takes twice the time)
        CURRENT.reset(token)
    except ValueError:  # the block ends in another context, as a generator that another task closes
        pass


def _end(call: ObservedCall, error: BaseException | None, found: dict[str, Any] | None = None) -> None:
    outcome = {"outcome": "ok"} if error is None else {}
    call.end(error, **(found or {}), **outcome)
