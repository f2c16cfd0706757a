"""Answers of model providers, as their APIs document them: whole, and as server-sent events."""

from typing import Any

Document = dict[str, Any]
Event = tuple[str | None, Document | str]
"""Name and data of a server-sent event."""

_CHAT_USAGE = {
    "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
}  # fmt: skip
_CHAT_CALL: Document = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
}
_CHAT_REPLIES: dict[str, tuple[Document, str]] = {
    "answer": ({"role": "assistant", "content": "Paris is rainy."}, "stop"),
    "tools": ({"role": "assistant", "content": None, "tool_calls": [_CHAT_CALL]}, "tool_calls"),
    "refusal": ({"role": "assistant", "content": None, "refusal": "I can't help with that."}, "stop"),
    "filtered": ({"role": "assistant", "content": ""}, "content_filter"),
}
_RESPONSE_USAGE = {
    "input_tokens": 11, "output_tokens": 7, "total_tokens": 18,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 2},
}  # fmt: skip
_OUTPUT_TEXT = {"type": "output_text", "text": "Paris is rainy.", "annotations": []}
_REFUSED_PART = {"type": "refusal", "refusal": "I can't help with that."}
_RESPONSE_ITEMS: dict[str, list[Document]] = {
    "answer": [
        {"id": "rs_1", "type": "reasoning", "summary": []},
        {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [_OUTPUT_TEXT]},
    ],
    "tools": [
        {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "get_weather",
         "arguments": '{"city":"Paris"}'},
    ],
    "refusal": [
        {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [_REFUSED_PART]},
    ],
}  # fmt: skip
_MESSAGE_USAGE = {
    "input_tokens": 7, "output_tokens": 7, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0,
}  # fmt: skip
_BLOCKS: dict[str, tuple[list[Document], str]] = {
    "answer": ([{"type": "text", "text": "Paris is rainy."}], "end_turn"),
    "tools": (
        [{"type": "text", "text": "Let me look."},
         {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}],
        "tool_use",
    ),
    "refusal": ([{"type": "text", "text": "I can't help with that."}], "refusal"),
}  # fmt: skip


def chat_completion(kind: str) -> Document:
    """Return a chat completion of `kind`: answer, tools, refusal or filtered."""
    message, finish = _CHAT_REPLIES[kind]
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06",
            "choices": [choice], "usage": _CHAT_USAGE}  # fmt: skip


def chat_chunks(kind: str, with_usage: bool) -> list[Event]:
    """Return the same completion as chunks; the last one has the usage where the request asks for it."""
    finish = _CHAT_REPLIES[kind][1]
    deltas: list[Document] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": part} for part in ("Paris ", "is ", "rainy.") if kind == "answer"]
    deltas += [{"refusal": part} for part in ("I can't help ", "with that.") if kind == "refusal"]
    if kind == "tools":
        function = {**_CHAT_CALL["function"], "arguments": ""}
        call: Document = {**_CHAT_CALL, "index": 0, "function": function}
        deltas.append({"tool_calls": [call]})
        parts = ('{"city":', '"Paris"}')
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in parts]
    choices: list[list[Document]] = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "finish_reason": finish}])
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06"}
    events: list[Event] = [(None, {**base, "choices": each, "usage": None}) for each in choices]
    if with_usage:
        events.append((None, {**base, "choices": [], "usage": _CHAT_USAGE}))
    return [*events, (None, "[DONE]")]


def response(kind: str) -> Document:
    """Return a response of `kind`: answer, tools, refusal or failed."""
    failed = kind == "failed"
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "failed" if failed else "completed",
        "model": "gpt-4o-2024-08-06", "output": _RESPONSE_ITEMS.get(kind, []), "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "usage": None if failed else _RESPONSE_USAGE, "metadata": {},
        "error": {"code": "server_error", "message": "it broke"} if failed else None,
    }  # fmt: skip


def response_events(kind: str) -> list[Event]:
    """Return the same response as events."""
    whole = response(kind)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "error": None}
    at = {"item_id": "msg_1", "output_index": 1, "content_index": 0, "logprobs": []}
    events: list[Document] = [{"type": "response.created", "response": begun}]
    if kind == "answer":
        empty = {**_RESPONSE_ITEMS["answer"][1], "status": "in_progress", "content": []}
        part = {**_OUTPUT_TEXT, "text": ""}
        events.append({"type": "response.output_item.added", "output_index": 1, "item": empty})
        events.append({"type": "response.content_part.added", **at, "part": part})
        parts = ("Paris ", "is ", "rainy.")
        events += [{"type": "response.output_text.delta", **at, "delta": part} for part in parts]
    if kind == "tools":
        begun_call = {**_RESPONSE_ITEMS["tools"][0], "arguments": "", "status": "in_progress"}
        events.append({"type": "response.output_item.added", "output_index": 0, "item": begun_call})
        call = {"item_id": "fc_1", "output_index": 0, "delta": '{"city":"Paris"}'}
        events.append({"type": "response.function_call_arguments.delta", **call})
    events.append({"type": "response.failed" if kind == "failed" else "response.completed", "response": whole})
    return [(event["type"], {**event, "sequence_number": number}) for number, event in enumerate(events)]


def message(kind: str) -> Document:
    """Return a message of `kind`: answer, tools or refusal."""
    blocks, stop = _BLOCKS[kind]
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
            "content": blocks, "stop_reason": stop, "stop_sequence": None, "usage": _MESSAGE_USAGE}  # fmt: skip


def message_events(kind: str) -> list[Event]:
    """Return the same message as events."""
    blocks, stop = _BLOCKS[kind]
    begun = {**message(kind), "content": [], "stop_reason": None, "usage": {**_MESSAGE_USAGE, "output_tokens": 1}}
    events: list[Document] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(blocks):
        text = block["type"] == "text"
        empty = {"type": "text", "text": ""} if text else {**block, "input": {}}
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        parts = _halves(block["text"]) if text else ['{"city":', '"Paris"}']
        kind_of, name = ("text_delta", "text") if text else ("input_json_delta", "partial_json")
        deltas = [{"type": kind_of, name: part} for part in parts]
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": stop, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 7}})
    events.append({"type": "message_stop"})
    return [(event["type"], event) for event in events]


def _halves(text: str) -> list[str]:
    return [text[: len(text) // 2], text[len(text) // 2 :]]
