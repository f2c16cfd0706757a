"""What an app answered to a case: its output, and what it used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes
from ratchet_evaluation.domain.case_fields import CaseError, json_object, json_value, known_fields, name, sequence, text

_FIELDS = ("output", "contexts", "tools", "cost", "model")

FailureKind = Literal["error", "crash", "timeout", "invalid"]
"""The app raised; its process ended; it did not answer in time; it returned what is no answer."""


@dataclass(frozen=True, slots=True)
class Context:
    """A text that the app may use or did use, with the id by which an answer cites it."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A tool that the app called, with its arguments."""

    name: str
    arguments: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer."""

    kind: FailureKind
    message: str


@dataclass(frozen=True, slots=True)
class AppAnswer:
    """An answer, or the reason why there is none.

    `contexts` (best first) and `tools` are None where the app did not report them. `cost` is in US dollars.
    `latency_ms` is measured around the call of the app's function.
    """

    output: Json = None
    contexts: tuple[Context, ...] | None = None
    tools: tuple[CalledTool, ...] | None = None
    cost: float | None = None
    model: str | None = None
    latency_ms: float | None = None
    failure: Failure | None = None

    @property
    def text(self) -> str:
        """The output as text: a string unchanged, anything else as RFC 8785 JSON."""
        return self.output if isinstance(self.output, str) else canonical_bytes(self.output).decode()


def failed_answer(kind: FailureKind, message: str, latency_ms: float | None = None) -> AppAnswer:
    """Return the answer of an app that failed; the message is cut at 500 characters."""
    return AppAnswer(failure=Failure(kind, message[:500]), latency_ms=latency_ms)


def parse_answer(value: object, latency_ms: float | None = None) -> AppAnswer:
    """Return the answer that an app's function returned: an output, or an object with `output` and other fields.

    An object without `output` is itself the output. Raises CaseError, which names the field.
    """
    if not (isinstance(value, Mapping) and "output" in value):
        return AppAnswer(json_value(value, "output"), latency_ms=latency_ms)
    fields = known_fields(value, _FIELDS)
    contexts, tools, cost, model = (fields.get(key) for key in _FIELDS[1:])
    return AppAnswer(
        json_value(fields["output"], "output"),
        None if contexts is None else parse_contexts(contexts),
        None if tools is None else parse_tool_calls(tools),
        None if cost is None else _cost(cost),
        None if model is None else name(model, "model"),
        latency_ms,
    )


def parse_contexts(value: object, field: str = "contexts") -> tuple[Context, ...]:
    """Return contexts of a list of texts or `{"id", "text"}`; without an id it is the position, from 1.

    Raises CaseError, also for an id that occurs twice.
    """
    found = tuple(_context(each, f"{field}[{i}]", i + 1) for i, each in enumerate(sequence(value, field)))
    ids = [context.id for context in found]
    for i, each in enumerate(ids):
        if each in ids[:i]:
            raise CaseError(f"{field}[{i}].id", "is the id of an earlier context")
    return found


def parse_tool_calls(value: object, field: str = "tools") -> tuple[CalledTool, ...]:
    """Return tool calls of a list of `{"name", "arguments"}` or names. Raises CaseError."""
    return tuple(_tool_call(each, f"{field}[{i}]") for i, each in enumerate(sequence(value, field)))


def _context(value: object, field: str, position: int) -> Context:
    if isinstance(value, str):
        return Context(str(position), text(value, field))
    fields = known_fields(value, ("id", "text"), field)
    own = fields.get("id")
    return Context(
        str(position) if own is None else name(own, f"{field}.id"), text(fields.get("text", ""), f"{field}.text")
    )


def _tool_call(value: object, field: str) -> CalledTool:
    if isinstance(value, str):
        return CalledTool(name(value, field), {})
    fields = known_fields(value, ("name", "arguments"), field)
    arguments = fields.get("arguments")
    return CalledTool(
        name(fields.get("name"), f"{field}.name"),
        {} if arguments is None else json_object(arguments, f"{field}.arguments"),
    )


def _cost(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < float("inf"):
        raise CaseError("cost", "must be a number of US dollars, at least 0")
    return float(value)
