"""Adapter for LiteLLM: a callback that records its calls."""

import importlib
from collections import OrderedDict
from datetime import datetime
from typing import Any

from ratchet.client import Client
from ratchet.client.observed_call import ObservedCall
from ratchet.errors import UnsupportedClient
from ratchet.integrations.answer_parts import Fields, recorded_messages
from ratchet.integrations.chat_completions import ChatCompletions
from ratchet.integrations.model_api import ModelRequest
from ratchet.integrations.model_call import begin_model_call, end_model_call, read_fields

_MAX_OPEN = 10_000
"""Calls that may be in progress; beyond that, the oldest are forgotten."""
_COMPLETIONS = frozenset({"completion", "acompletion", None})


class LiteLLMCalls:
    """The methods of LiteLLM's `CustomLogger` that record calls. They run in LiteLLM's threads and raise nothing."""

    def __init__(self, client: Client, target: str | None) -> None:
        super().__init__()
        self._client, self._target = client, target
        self._api = ChatCompletions()
        self._open: OrderedDict[Any, ObservedCall] = OrderedDict()

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: dict[str, Any]) -> None:
        """Begin a call, in the context of the app."""
        with self._client.faults.contained("a call of litellm"):
            key = kwargs.get("litellm_call_id")
            if key not in self._open and kwargs.get("call_type") in _COMPLETIONS:
                self._open[key] = self._begin(model, messages, kwargs)
                if len(self._open) > _MAX_OPEN:
                    self._open.popitem(last=False)

    def log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Record an answer; that of a stream is whole."""
        with self._client.faults.contained("an answer of litellm"):
            call = self._call(kwargs)
            if call is not None:
                fields = read_fields(self._client, "litellm", lambda: self._api.read_answer(response_obj))
                fields = {"outcome": "ok", **fields, **_times(kwargs, start_time, end_time)}
                cost = kwargs.get("response_cost")
                if isinstance(cost, int | float) and cost > 0:
                    fields["cost"] = cost
                end_model_call(call, None, fields)

    def log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Record an error."""
        with self._client.faults.contained("an error of litellm"):
            call, error = self._call(kwargs), kwargs.get("exception")
            if call is not None:
                known = error if isinstance(error, BaseException) else RuntimeError()
                end_model_call(call, known, _times(kwargs, start_time, end_time))

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Record an answer of an asynchronous call."""
        self.log_success_event(kwargs, response_obj, start_time, end_time)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Record an error of an asynchronous call."""
        self.log_failure_event(kwargs, response_obj, start_time, end_time)

    def _call(self, kwargs: dict[str, Any]) -> ObservedCall | None:
        """Return the call that began; one of a cached answer begins now."""
        found = self._open.pop(kwargs.get("litellm_call_id"), None)
        if found is None and kwargs.get("call_type") in _COMPLETIONS:
            return self._begin(kwargs.get("model"), kwargs.get("messages"), kwargs)
        return found

    def _begin(self, model: Any, messages: Any, kwargs: dict[str, Any]) -> ObservedCall:
        parameters = kwargs.get("optional_params") or {}
        request = self._api.read_request({**parameters, "model": model, "messages": messages})
        shown = ModelRequest(request.texts, {**request.fields, "input": recorded_messages(messages)})
        return begin_model_call(self._client, "litellm", self._target, shown)


def ratchet_logger(client: Client, *, target: str | None = None) -> Any:
    """Return a callback for `litellm.callbacks` that records completions, streams, errors and their costs.

    `target` is that of the executions; by default that of the served prompt, or of the observed call with `/litellm`.
    Raises UnsupportedClient where litellm is not installed.
    """
    try:
        module = importlib.import_module("litellm.integrations.custom_logger")
    except ImportError as error:
        raise UnsupportedClient("litellm is not installed") from error
    return type("RatchetLogger", (LiteLLMCalls, module.CustomLogger), {})(client, target)


def _times(kwargs: dict[str, Any], start: Any, end: Any) -> Fields:
    """Return latency and, of a stream, the time to the first token, by LiteLLM's own clock."""
    first = kwargs.get("completion_start_time") if kwargs.get("stream") else None
    moments = {"latency_ms": end, "time_to_first_token_ms": first}
    return {
        name: max(0.0, (moment - start).total_seconds() * 1000)
        for name, moment in moments.items()
        if isinstance(moment, datetime) and isinstance(start, datetime)
    }
