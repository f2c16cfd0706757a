"""Observation of the requests of clients that Stainless generates, as OpenAI's and Anthropic's.

All methods (`create`, `parse`, `stream`, with raw responses or not) call the client's `request`, which is replaced on
the given object. Retries happen inside it, so that they are one call.
"""

import functools
import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from ratchet.client import Client
from ratchet.errors import UnsupportedClient
from ratchet.integrations.model_api import ModelApi
from ratchet.integrations.model_call import ModelCall, begin_model_call
from ratchet.integrations.recorded_stream import recorded_stream

FindApi = Callable[[str], ModelApi | None]
"""Returns the API of a request's path; None for requests that call no model."""
_COPYING = ("copy", "with_options")
_MARK = "_ratchet_observed"


class RequestHook:
    """Observes the requests of one client, and of its copies."""

    def __init__(self, client: Client, find_api: FindApi, target: str | None) -> None:
        self._client, self._find_api, self._target = client, find_api, target

    def install(self, api_client: Any) -> None:
        """Observe the requests of `api_client`; a second time changes nothing. Raises UnsupportedClient."""
        original = getattr(api_client, "request", None)
        if not callable(original) or not hasattr(api_client, "post"):
            raise UnsupportedClient(f"{type(api_client).__name__} has no request method that can be observed")
        if getattr(original, _MARK, False):
            return
        observed = self._asynchronous if inspect.iscoroutinefunction(original) else self._synchronous
        hook = functools.wraps(original)(observed(original))
        setattr(hook, _MARK, True)
        api_client.request = hook
        for name in _COPYING:
            if callable(copying := getattr(api_client, name, None)):
                setattr(api_client, name, self._observed_copies(copying))

    def _synchronous(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def request(cast_to: Any, options: Any, *rest: Any, **more: Any) -> Any:
            call = self._begin(options)
            if call is None:
                return original(cast_to, options, *rest, **more)
            try:
                result = original(cast_to, options, *rest, **more)
            except BaseException as error:
                call.fail(error)
                raise
            return self._passed(result, call)

        return request

    def _asynchronous(self, original: Callable[..., Any]) -> Callable[..., Any]:
        async def request(cast_to: Any, options: Any, *rest: Any, **more: Any) -> Any:
            call = self._begin(options)
            if call is None:
                return await original(cast_to, options, *rest, **more)
            try:
                result = await original(cast_to, options, *rest, **more)
            except BaseException as error:
                call.fail(error)
                raise
            return self._passed(result, call)

        return request

    def _observed_copies(self, copying: Callable[..., Any]) -> Callable[..., Any]:
        def copy(*given: Any, **keywords: Any) -> Any:
            copied = copying(*given, **keywords)
            with self._client.faults.contained("a copy of a client"):
                self.install(copied)
            return copied

        return functools.wraps(copying)(copy)

    def _begin(self, options: Any) -> ModelCall | None:
        with self._client.faults.contained("a call of a model"):
            body = getattr(options, "json_data", None)
            api = self._find_api(str(options.url).partition("?")[0])
            if api is not None and isinstance(body, Mapping):
                extra = getattr(options, "extra_json", None)
                request = api.read_request({**body, **extra} if isinstance(extra, Mapping) else body)
                return ModelCall(self._client, api, begin_model_call(self._client, api.name, self._target, request))
        return None

    def _passed(self, result: Any, call: ModelCall) -> Any:
        """Return the result for the app: itself, or a stream that is noted while the app reads it."""
        with self._client.faults.contained("an answer of a model"):
            if hasattr(result, "http_response") and callable(getattr(result, "parse", None)):
                self._observe_parsing(result, call)
                return result
            if (stream := recorded_stream(result, call)) is not None:
                return stream
            call.end_with(result)
        return result

    def _observe_parsing(self, response: Any, call: ModelCall) -> None:
        """Observe a raw response when the app parses it; without that, its latency is recorded when it is freed."""
        call.respond()
        weakref.finalize(response, call.end_with, None).atexit = False
        parse = response.parse

        def parsed(*given: Any, **keywords: Any) -> Any:
            result = parse(*given, **keywords)
            return self._passed(result, call) if not inspect.isawaitable(result) else awaited(result)

        async def awaited(result: Any) -> Any:
            return self._passed(await result, call)

        response.parse = parsed
