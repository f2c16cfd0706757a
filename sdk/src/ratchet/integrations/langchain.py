"""Adapter for LangChain and LangGraph: a callback handler that records their model calls."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from ratchet.client import Client
from ratchet.client.observed_call import ObservedCall
from ratchet.client.rendered_prompts import message_texts
from ratchet.integrations.answer_parts import Fields, answer_fields, as_dict, member, parameters_of, recorded_messages
from ratchet.integrations.model_api import ModelRequest
from ratchet.integrations.model_call import begin_model_call, end_model_call, read_fields

_MAX_OPEN = 10_000
"""Runs that may be in progress; beyond that, the oldest are forgotten."""
_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "chat": "user"}
_REFUSED = ("content_filter", "refusal", "SAFETY")


class _Run:
    """A run in progress: the outermost run above it, and the documents that were retrieved there."""

    def __init__(self, run_id: UUID, outermost: "_Run | None") -> None:
        self.trace_id: str = str(run_id) if outermost is None else outermost.trace_id
        self.outermost: _Run = self if outermost is None else outermost
        self.contexts: list[Fields] = []
        self.call: ObservedCall | None = None
        self.first_token_ms: float | None = None


class RatchetCallbackHandler(BaseCallbackHandler):
    """Records calls of models, with the documents that were retrieved before them, as executions.

    Pass it in `config={"callbacks": [handler]}`. An execution's id is that of its run. Outside of an observed call,
    `trace_id` is the id of the outermost run, which the app may choose (`config={"run_id": …}`). Raises nothing.
    """

    run_inline = True  # in the app's thread or task, which knows the observed call

    def __init__(self, client: Client, *, target: str | None = None) -> None:
        """`target` of the executions: by default the served prompt's, or the observed call's with `/langchain`."""
        super().__init__()
        self._client, self._target = client, target
        self._runs: OrderedDict[UUID, _Run] = OrderedDict()

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any
    ) -> None:
        """Note a run, which may contain calls of models."""
        self._start(run_id, parent_run_id)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        """Forget a run."""
        self._runs.pop(run_id, None)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Forget a run."""
        self._runs.pop(run_id, None)

    def on_retriever_end(self, documents: Sequence[Any], *, parent_run_id: UUID | None = None, **_: Any) -> None:
        """Note documents: they are contexts of the calls of models that follow."""
        with self._client.faults.contained("documents of langchain"):
            run = self._runs.get(parent_run_id) if parent_run_id else None
            if run is not None:
                run.outermost.contexts += [_context(document) for document in documents]

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **more: Any
    ) -> None:
        """Begin a call of a chat model."""
        with self._client.faults.contained("a call of langchain"):
            shown = [_message(message) for message in messages[0]]
            self._begin(run_id, parent_run_id, shown, more)

    def on_llm_start(
        self, serialized: Any, prompts: list[str], *, run_id: UUID, parent_run_id: UUID | None = None, **more: Any
    ) -> None:
        """Begin a call of a model of texts."""
        with self._client.faults.contained("a call of langchain"):
            self._begin(run_id, parent_run_id, prompts[0], more)

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **_: Any) -> None:
        """Note when the first token arrived."""
        run = self._runs.get(run_id)
        if run is not None and run.call is not None and run.first_token_ms is None:
            run.first_token_ms = run.call.elapsed_ms

    def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:
        """Record an answer."""
        self._end(run_id, None, response)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **more: Any) -> None:
        """Record an error, and what was streamed before it."""
        self._end(run_id, error, more.get("response"))

    def _start(self, run_id: UUID, parent_run_id: UUID | None) -> _Run:
        parent = self._runs.get(parent_run_id) if parent_run_id else None
        run = self._runs[run_id] = _Run(run_id, None if parent is None else parent.outermost)
        if len(self._runs) > _MAX_OPEN:
            self._runs.popitem(last=False)
        return run

    def _begin(self, run_id: UUID, parent_run_id: UUID | None, messages: Any, more: dict[str, Any]) -> None:
        run = self._start(run_id, parent_run_id)
        invocation, metadata = more.get("invocation_params") or {}, more.get("metadata") or {}
        model = metadata.get("ls_model_name") or invocation.get("model") or invocation.get("model_name")
        parameters = parameters_of({name: value for name, value in invocation.items() if name[:1] != "_"})
        fields: Fields = {"id": str(run_id), "input": recorded_messages(messages), "parameters": parameters}
        if isinstance(model, str):
            fields["model"] = model
        if run.outermost.contexts:
            fields["contexts"] = list(run.outermost.contexts)
        if self._client.current_call() is None:
            fields["trace_id"] = run.trace_id
        run.call = begin_model_call(
            self._client, "langchain", self._target, ModelRequest(message_texts(messages), fields)
        )

    def _end(self, run_id: UUID, error: BaseException | None, response: Any) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None and run.call is not None:
            fields = read_fields(self._client, "langchain", lambda: _answer(response))
            if run.first_token_ms is not None:
                fields["time_to_first_token_ms"] = run.first_token_ms
            end_model_call(run.call, error, fields)


def _message(message: Any) -> Fields:
    kind = str(member(message, "type"))
    shown = {"role": _ROLES.get(kind, kind), "content": member(message, "content")}
    calls = _tools(message)
    return {**shown, "tool_calls": calls} if calls else shown


def _tools(message: Any) -> list[Fields]:
    return [{"name": call["name"], "arguments": call["args"]} for call in member(message, "tool_calls") or ()]


def _answer(result: Any) -> Fields:
    """Return the fields of an `LLMResult`; none without a generation, as of an error."""
    generations = member(result, "generations")
    if not generations or not generations[0]:
        return {}
    generation = generations[0][0]
    message = member(generation, "message")
    details = {**(result.llm_output or {}), **(member(message, "response_metadata") or {})}
    content = member(generation, "text") if message is None else member(message, "content")
    finish = details.get("finish_reason") or details.get("stop_reason")
    return answer_fields(
        message_texts([{"content": content}]),
        [] if message is None else _tools(message),
        model=details.get("model_name") or details.get("model"),
        usage=member(message, "usage_metadata") or details.get("token_usage") or details.get("usage"),
        refused=finish in _REFUSED,
        finish_reason=finish,
        response_id=member(message, "id"),
    )


def _context(document: Any) -> Fields:
    found = {"id": member(document, "id"), "text": member(document, "page_content"),
             "score": (as_dict(member(document, "metadata")) or {}).get("score")}  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}
