"""Retrieved contexts, tool calls and usage of an execution, as its event has them: scrubbed, without None. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import to_json

from collector.domain.body_parser import as_dict
from collector.domain.schemas import ContextBody, ToolCallBody, UsageBody
from shared.pii.scrub import scrub
from shared.problems import invalid

AnyContext = str | ContextBody
AnyTool = str | ToolCallBody
_CONTENTS = ("arguments", "result")


def check_contexts(contexts: Sequence[AnyContext]) -> None:
    """Raise Problem 422 for a context that has neither a text nor an id."""
    for index, context in enumerate(contexts):
        if not isinstance(context, str) and context.text is None and context.id is None:
            raise invalid(f"contexts[{index}]", "must have a text or an id")


def text_lengths(contexts: Iterable[AnyContext], tools: Iterable[AnyTool]) -> int:
    """Return about how many characters of text there are to scrub."""
    total = sum(len(context if isinstance(context, str) else context.text or "") for context in contexts)
    for tool in tools:
        if not isinstance(tool, str):
            total += sum(len(as_text(content)) for name in _CONTENTS if (content := getattr(tool, name)) is not None)
    return total


def recorded_contexts(contexts: Sequence[AnyContext]) -> dict[str, Any]:
    """Return the event's `contexts`, and its `context_details` if any is known."""
    texts = [scrub(each if isinstance(each, str) else each.text or "") for each in contexts]
    details = [{} if isinstance(each, str) else _context_detail(each) for each in contexts]
    return {"contexts": texts, **({"context_details": details} if any(details) else {})}


def recorded_tools(tools: Sequence[AnyTool]) -> dict[str, Any]:
    """Return the event's `tools`, and its `tool_details` if any is known."""
    names = [each if isinstance(each, str) else each.name for each in tools]
    details = [{} if isinstance(each, str) else _tool_detail(each) for each in tools]
    return {"tools": names, **({"tool_details": details} if any(details) else {})}


def _context_detail(context: ContextBody) -> dict[str, Any]:
    found = present(context)
    found.pop("text", None)
    return {**found, "id": scrub(found["id"])} if "id" in found else found


def _tool_detail(tool: ToolCallBody) -> dict[str, Any]:
    found = present(tool)
    del found["name"]
    return found | {name: scrub(as_text(found[name])) for name in _CONTENTS if name in found}


def present(body: ContextBody | ToolCallBody | UsageBody) -> dict[str, Any]:
    """Return the fields of a body that were sent."""
    return {name: value for name, value in (as_dict(body) or {}).items() if value is not None}


def as_text(value: object) -> str:
    """Return a string as it is, any other value as JSON."""
    return value if isinstance(value, str) else to_json(value).decode()
