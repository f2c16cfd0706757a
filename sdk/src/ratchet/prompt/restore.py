"""The smallest fix of a prompt that got worse: what was removed is put back, what was added stays.

Messages are compared line by line, a message's role and a slot's place counting as lines of their own; the other
fields by their names. Where a line or a field was replaced, there is no such fix: see `Conflict`.
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
    """One line of a message (`line`), the start of one (`turn`, a role), the place of a `slot`, or a `whole` message.

    Structured messages and placeholders are wholes, as JSON: they are put back as they were, or not at all.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Restored:
    """`prompt` holds all of both versions. `lines` were put back into messages, `fields` elsewhere."""

    prompt: Prompt
    lines: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """At `where` one version says something else than the other, so that putting back would take away."""

    where: str


def restore(good: Prompt, bad: Prompt) -> Restored | Conflict:
    """`bad` with everything that it lacks of `good`."""
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
    return Restored(prompt, lines, _fields_put_back(prompt.to_dict(), now))


def tokens(messages: Iterable[Mapping[str, Any]]) -> list[Token]:
    """The messages of a document as one list of tokens."""
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
    """The messages that a list of tokens stands for. Raises Clash where a line belongs to no message."""
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
    moved = {token for token in merged.removed if _tells(token)} & set(merged.added)
    if moved:  # a line that only changed its place would stand there twice
        raise MergeConflict("messages")
    return merged


def _tells(token: Token) -> bool:
    return token.kind in ("slot", "whole") or (token.kind == "line" and bool(token.text.strip()))


def _merge_tools(good: Any, bad: Any) -> list[Any]:
    merged = merge_sequences(_written(good), _written(bad), "tools")
    if _names(merged.removed) & _names(merged.added):  # one tool with two descriptions: it was changed, not removed
        raise MergeConflict("tools")
    return [json.loads(tool) for tool in merged.items]


def _written(tools: Iterable[Any]) -> list[str]:
    return [json.dumps(tool, sort_keys=True) for tool in tools]


def _names(tools: Iterable[str]) -> set[str]:
    return {_tool_name(json.loads(tool)) for tool in tools}


def _tool_name(tool: Mapping[str, Any]) -> str:
    named = tool.get("function") if isinstance(tool.get("function"), Mapping) else tool
    return str(named.get("name") or json.dumps(tool, sort_keys=True))  # type: ignore[union-attr]


def _fields_put_back(restored: Mapping[str, Any], bad: Mapping[str, Any]) -> tuple[str, ...]:
    found = [f"{name}.{key}" for name in _MAPPINGS for key in restored[name] if key not in bad[name]]
    found += [name for name in (*_VALUES, "tools") if restored[name] != bad[name]]
    return tuple(sorted(found))
