"""One call of a model in progress. Nothing here raises, so that the app's call goes on whatever happens."""

from collections.abc import Callable
from typing import Any

from ratchet.client import Client
from ratchet.client.observed_call import ObservedCall
from ratchet.integrations.model_api import ModelApi, ModelRequest, StreamEvents


def begin_model_call(client: Client, name: str, target: str | None, request: ModelRequest) -> ObservedCall:
    """Begin a call of a model, which names the prompts whose texts the request has.

    Outside of an observed call, the target is that of the first served prompt unless one is given.
    """
    found = client.rendered.find_all(request.texts)
    if target is None and client.current_call() is None:
        target = next((rendering.target for rendering in found if rendering.target), None)
    call = client.begin_call(name, target, (), request.fields)
    call.name_prompts(rendering.use for rendering in found)
    if call.is_step and found:
        call.add(attributes={"prompt_name": found[0].use.name, "prompt_digest": found[0].use.digest})
    return call


def end_model_call(call: ObservedCall, error: BaseException | None, fields: dict[str, Any]) -> None:
    """Record a call with what is known of its answer, and name its model in the enclosing calls."""
    with call.client.faults.contained("the model of a call"):
        model = fields.setdefault("model", call.field("model"))
        if isinstance(model, str):
            call.add(model=model)  # the answer's name of it is more exact than the request's
            call.name_model(model)
    if error is not None:
        fields.pop("outcome", None)
    call.end(error, **fields)


def read_fields(client: Client, name: str, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the fields that `read` returns; none where it fails, so that the call is recorded all the same."""
    with client.faults.contained(f"an answer of {name}"):
        return read()
    return {}


class ModelCall:
    """A call of a model by a client that an adapter observes."""

    def __init__(self, client: Client, api: ModelApi, call: ObservedCall) -> None:
        self._client, self._api, self._call = client, api, call
        self._events: StreamEvents | None = None
        self._first_output_ms: float | None = None

    def add_event(self, event: Any) -> None:
        """Note an event of a stream."""
        try:
            if self._events is None:
                self._events = self._api.new_stream()
            if self._events.add(event) and self._first_output_ms is None:
                self._first_output_ms = self._call.elapsed_ms
        except Exception as error:
            self._client.faults.report(f"a stream of {self._api.name}", error)

    def end_with(self, answer: Any) -> None:
        """Record the call with its complete answer."""
        if self._call.has_ended:
            return
        fields = read_fields(self._client, self._api.name, lambda: self._api.read_answer(answer))
        end_model_call(self._call, None, {"outcome": "ok", **fields})

    def end_stream(self, error: BaseException | None = None) -> None:
        """Record the call with what was streamed. Without an outcome if the app stopped reading before the end."""
        if self._call.has_ended:
            return
        fields = read_fields(self._client, self._api.name, lambda: self._streamed(error is None))
        end_model_call(self._call, error, fields)

    def _streamed(self, ended: bool) -> dict[str, Any]:
        events = self._events or self._api.new_stream()
        fields = events.fields()
        if ended and not events.complete:
            del fields["outcome"]
            fields["attributes"]["stream"] = "abandoned"
        if self._first_output_ms is not None:
            fields["time_to_first_token_ms"] = self._first_output_ms
        return fields

    def fail(self, error: BaseException) -> None:
        """Record the call with an error instead of an answer."""
        end_model_call(self._call, error, {})

    def respond(self) -> None:
        """End the measured latency: the response has arrived, though the app may never parse it."""
        self._call.add(latency_ms=self._call.elapsed_ms)
