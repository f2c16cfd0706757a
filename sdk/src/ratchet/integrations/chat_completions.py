"""Requests and answers of OpenAI's chat completions, and of the many servers that have the same. Pure."""

from collections.abc import Mapping
from typing import Any

from ratchet.client.rendered_prompts import message_texts
from ratchet.integrations.answer_parts import Fields, answer_fields, member, parameters_of, recorded_messages
from ratchet.integrations.model_api import ModelRequest

_REFUSED = ("content_filter", "refusal", "safety")


class ChatCompletions:
    """The API `POST /chat/completions`."""

    name = "openai"

    def read_request(self, body: Mapping[str, Any]) -> ModelRequest:
        """Return the texts and fields of a request."""
        messages = body.get("messages")
        fields = {"input": recorded_messages(messages), "parameters": parameters_of(body), "model": body.get("model")}
        return ModelRequest(message_texts(messages), fields)

    def read_answer(self, completion: Any) -> Fields:
        """Return the fields of a completion."""
        choices = member(completion, "choices") or ()
        messages = [member(choice, "message") for choice in choices]
        calls = [_tool(call) for message in messages for call in member(message, "tool_calls") or ()]
        refusals = [member(message, "refusal") for message in messages]
        finish = member(choices[0], "finish_reason") if choices else None
        return answer_fields(
            [_text(member(message, "content")) for message in messages] + refusals,
            calls,
            model=member(completion, "model"),
            usage=member(completion, "usage"),
            refused=any(refusals) or finish in _REFUSED,
            finish_reason=finish,
            response_id=member(completion, "id"),
        )

    def new_stream(self) -> "CompletionChunks":
        """Return a collector of the chunks of one stream."""
        return CompletionChunks()


class CompletionChunks:
    """The chunks of a streamed completion."""

    def __init__(self) -> None:
        self._texts: dict[int, list[str]] = {}
        self._refusals: list[str] = []
        self._tools: dict[tuple[int, int], Fields] = {}
        self._found: Fields = {}
        self.complete = False

    def add(self, chunk: Any) -> bool:
        """Add a chunk; return whether it has output, so that the first one can be timed."""
        for name in ("model", "usage", "id"):
            if (value := member(chunk, name)) is not None:
                self._found[name] = value
        has_output = False
        for choice in member(chunk, "choices") or ():
            index = member(choice, "index") or 0
            if (finish := member(choice, "finish_reason")) is not None:
                self._found.setdefault("finish_reason", finish)
                self.complete = True
            has_output |= self._add_delta(index, member(choice, "delta"))
        return has_output

    def fields(self) -> Fields:
        """Return the fields of the answer so far."""
        found = self._found
        finish = found.get("finish_reason")
        return answer_fields(
            ["".join(parts) for parts in self._texts.values()] + ["".join(self._refusals)],
            list(self._tools.values()),
            model=found.get("model"),
            usage=found.get("usage"),
            refused=bool(self._refusals) or finish in _REFUSED,
            finish_reason=finish,
            response_id=found.get("id"),
        )

    def _add_delta(self, index: int, delta: Any) -> bool:
        content, refusal = member(delta, "content"), member(delta, "refusal")
        if content:
            self._texts.setdefault(index, []).append(content)
        if refusal:
            self._refusals.append(refusal)
        calls = member(delta, "tool_calls") or ()
        for call in calls:
            known = self._tools.setdefault((index, member(call, "index") or 0), {"name": "", "arguments": ""})
            part = _tool(call)
            known["name"] += part["name"] or ""
            known["arguments"] += part["arguments"] or ""
        thoughts = member(delta, "reasoning_content") or member(delta, "reasoning")
        return bool(content or refusal or calls or thoughts)


def _tool(call: Any) -> Fields:
    custom = member(call, "custom")
    called = custom or member(call, "function")
    return {"name": member(called, "name"), "arguments": member(called, "input" if custom else "arguments")}


def _text(content: Any) -> str | None:
    return content if isinstance(content, str) or content is None else "\n".join(message_texts([{"content": content}]))
