"""Requests and answers of Anthropic's messages API. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from ratchet.client.rendered_prompts import message_texts
from ratchet.integrations.answer_parts import Fields, answer_fields, as_dict, member, parameters_of, recorded_messages
from ratchet.integrations.model_api import ModelRequest

_TOOLS = ("tool_use", "server_tool_use", "mcp_tool_use")


class Messages:
    """The API `POST /v1/messages`."""

    name = "anthropic"

    def read_request(self, body: Mapping[str, Any]) -> ModelRequest:
        """Return the texts and fields of a request."""
        system, messages = body.get("system"), body.get("messages")
        instructions = [{"role": "system", "content": system}] if system else []
        texts = message_texts(instructions) + message_texts(messages)
        fields = {"input": recorded_messages(messages), "parameters": parameters_of(body), "model": body.get("model")}
        return ModelRequest(texts, fields)

    def read_answer(self, message: Any) -> Fields:
        """Return the fields of a message."""
        blocks = member(message, "content") or ()
        return _fields(
            [member(block, "text") for block in blocks],
            [{"name": member(block, "name"), "arguments": member(block, "input")}
             for block in blocks if member(block, "type") in _TOOLS],
            member(message, "stop_reason"), message, member(message, "usage"),
        )  # fmt: skip

    def new_stream(self) -> "MessageEvents":
        """Return a collector of the events of one stream."""
        return MessageEvents()


class MessageEvents:
    """The events of a streamed message."""

    def __init__(self) -> None:
        self._texts: dict[int, list[str]] = {}
        self._tools: dict[int, Fields] = {}
        self._message: Any = None
        self._usage: Fields = {}
        self._stop_reason: Any = None
        self.complete = False

    def add(self, event: Any) -> bool:
        """Add an event; return whether it has output."""
        match member(event, "type"):
            case "message_start":
                self._message = member(event, "message")
                self._add_usage(member(self._message, "usage"))
            case "content_block_start":
                return self._start(member(event, "index") or 0, member(event, "content_block"))
            case "content_block_delta":
                return self._extend(member(event, "index") or 0, member(event, "delta"))
            case "message_delta":
                self._stop_reason = member(member(event, "delta"), "stop_reason") or self._stop_reason
                self._add_usage(member(event, "usage"))
            case "message_stop":
                self.complete = True
        return False

    def fields(self) -> Fields:
        """Return the fields of the answer so far."""
        texts = ("".join(parts) for parts in self._texts.values())
        return _fields(texts, list(self._tools.values()), self._stop_reason, self._message, self._usage)

    def _start(self, index: int, block: Any) -> bool:
        if member(block, "type") in _TOOLS:
            self._tools[index] = {"name": member(block, "name"), "arguments": ""}
            return True
        if text := member(block, "text"):
            self._texts.setdefault(index, []).append(text)
        return bool(text)

    def _extend(self, index: int, delta: Any) -> bool:
        text, arguments = member(delta, "text"), member(delta, "partial_json")
        if text:
            self._texts.setdefault(index, []).append(text)
        if arguments and index in self._tools:
            self._tools[index]["arguments"] += arguments
        return bool(text or arguments or member(delta, "thinking"))

    def _add_usage(self, usage: Any) -> None:
        """The last event has the final counts, but not all kinds."""
        self._usage |= {name: count for name, count in (as_dict(usage) or {}).items() if count is not None}


def _fields(texts: Iterable[str | None], tools: list[Fields], stop_reason: Any, message: Any, usage: Any) -> Fields:
    return answer_fields(
        texts, tools, model=member(message, "model"), usage=usage or None, refused=stop_reason == "refusal",
        finish_reason=stop_reason, response_id=member(message, "id"),
    )  # fmt: skip
