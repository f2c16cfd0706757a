"""The smallest fix of a prompt that got worse: what was removed is restored, what was added is kept.

Messages are compared line by line, where a message's role and a slot's position are lines too; other fields by name.
Where a line or a field was replaced there is no such fix: see `Conflict`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ratchet.prompt.document import Prompt
from ratchet.prompt.errors import PromptError
from ratchet.prompt.merge import MergeConflict, Merged, merge_mappings, merge_sequences, merge_values
from ratchet.prompt.parser import parse

_MAPPINGS = ("variables", "parameters", "slots")
_VALUES = ("model", "response_format")


@dataclass(frozen=True, slots=True)
class Token:
    """A line of a message (`line`), its start (`turn`, a role), the position of a `slot`, or a `whole` message.

    Structured messages and placeholders are whole messages, as JSON: they are restored completely or not at all.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored prompt, which contains all of both versions. `lines` were restored in messages, `fields` elsewhere."""

    prompt: Prompt
    lines: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """The versions differ at `where`, so that restoring one would remove part of the other."""

    where: str


def restore(good: Prompt, bad: Prompt) -> Restored | Conflict:
    """Return `bad` with everything of `good` that it lacks."""
    was, now = good.to_dict(), bad.to_dict()
    try:
        messages = _merge_messages(was["messages"], now["messages"])
        document: dict[str, Any] = {**now, "messages": untokens(messages.items)}
        document["tools"] = _merge_tools(was["tools"], now["tools"])
        for name in _MAPPINGS:
            document[name] = merge_mappings(was[name], now[name], name)  # type: ignore[arg-type]
        for name in _VALUES:
            document[name] = merge_values(was[name], now[name], name)
        prompt = parse(document)
    except MergeConflict as clash:
        return Conflict(clash.where)
    except PromptError as error:
        return Conflict(error.field)
    lines = tuple(token.text for token in messages.removed if token.kind == "line")
    return Restored(prompt, lines, _restored_fields(prompt.to_dict(), now))


def tokens(messages: Iterable[Mapping[str, Any]]) -> list[Token]:
    """Return the messages of a document as one list of tokens."""
    found: list[Token] = []
    for message in messages:
        if "slot" in message:
            found.append(Token("slot", message["slot"]))
        elif message.keys() != {"role", "content"} or not isinstance(message["content"], str):
            found.append(Token("whole", json.dumps(message, sort_keys=True)))
        else:
            found.append(Token("turn", message["role"]))
            found += (Token("line", line) for line in message["content"].split("\n"))
    return found


def untokens(items: Iterable[Token]) -> list[dict[str, Any]]:
    """Return the messages of a list of tokens. Raises MergeConflict where a line belongs to no message."""
    messages: list[dict[str, Any]] = []
    turn = False
    for token in items:
        if token.kind == "slot":
            messages.append({"slot": token.text})
        elif token.kind == "whole":
            messages.append(json.loads(token.text))
        elif token.kind == "turn":
            messages.append({"role": token.text})
        elif not turn:
            raise MergeConflict("messages")
        else:
            former = messages[-1].get("content")
            messages[-1]["content"] = token.text if former is None else f"{former}\n{token.text}"
        turn = token.kind in ("turn", "line")
    return messages


def _merge_messages(good: Any, bad: Any) -> Merged[Token]:
    merged = merge_sequences(tokens(good), tokens(bad), "messages")
    moved = {token for token in merged.removed if _has_content(token)} & set(merged.added)
    if moved:  # a moved line would occur twice
        raise MergeConflict("messages")
    return merged


def _has_content(token: Token) -> bool:
    return token.kind in ("slot", "whole") or (token.kind == "line" and bool(token.text.strip()))


def _merge_tools(good: Any, bad: Any) -> list[Any]:
    merged = merge_sequences(_written(good), _written(bad), "tools")
    if _names(merged.removed) & _names(merged.added):  # a tool with two descriptions was changed, not removed
        raise MergeConflict("tools")
    return [json.loads(tool) for tool in merged.items]


def _written(tools: Iterable[Any]) -> list[str]:
    return [json.dumps(tool, sort_keys=True) for tool in tools]


def _names(tools: Iterable[str]) -> set[str]:
    return {_tool_name(json.loads(tool)) for tool in tools}


def _tool_name(tool: Mapping[str, Any]) -> str:
    named = tool.get("function") if isinstance(tool.get("function"), Mapping) else tool
    return str(named.get("name") or json.dumps(tool, sort_keys=True))  # type: ignore[union-attr]


def _restored_fields(restored: Mapping[str, Any], bad: Mapping[str, Any]) -> tuple[str, ...]:
    found = [f"{name}.{key}" for name in _MAPPINGS for key in restored[name] if key not in bad[name]]
    found += [name for name in (*_VALUES, "tools") if restored[name] != bad[name]]
    return tuple(sorted(found))
