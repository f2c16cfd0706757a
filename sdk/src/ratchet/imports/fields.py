"""The fields of executions and feedback that a column of a file can hold. Pure."""

from collections.abc import Mapping
from typing import Literal

from ratchet.tables import BadFile

CellKind = Literal[
    "id", "text", "content", "number", "count", "yes_no", "time", "list", "thumb", "rating", "outcome", "plain"
]
"""How a cell is read. `content`: text, messages or an object; `plain`: text, number, or yes and no."""

EXECUTION: Mapping[str, CellKind] = {
    "id": "id",
    "trace_id": "id",
    "parent_id": "id",
    "target": "id",
    "prompt": "id",
    "version": "id",
    "digest": "id",
    "model": "text",
    "input": "content",
    "output": "content",
    "contexts": "list",
    "tools": "list",
    "arm": "text",
    "user": "id",
    "session": "id",
    "cost": "number",
    "latency_ms": "number",
    "outcome": "outcome",
    "occurred_at": "time",
    "consent.quality": "yes_no",
    "consent.learning": "yes_no",
}
"""Fields of an execution. `prompt` is the name of the prompt used, `version` or `digest` says which text of it."""

FEEDBACK: Mapping[str, CellKind] = {
    "execution_id": "id",
    "feedback.thumb": "thumb",
    "feedback.rating": "rating",
    "feedback.label": "text",
    "feedback.comment": "text",
    "feedback.correction": "text",
}
"""Fields of feedback. With `execution_id`, a row is feedback about an execution that was sent before."""

NAMED: Mapping[str, CellKind] = {
    "usage": "count",
    "scores": "number",
    "attributes": "plain",
    "parameters": "plain",
    "feedback.label": "text",
    "feedback.score": "number",
}
"""Fields with a name of the user's own after the dot, such as `scores.faithfulness`."""

SYNONYMS: Mapping[str, str] = {
    "execution.id": "id",
    "timestamp": "occurred_at",
    "created_at": "occurred_at",
    "time": "occurred_at",
    "question": "input",
    "query": "input",
    "answer": "output",
    "response": "output",
    "completion": "output",
    "user_id": "user",
    "session_id": "session",
    "conversation_id": "session",
    "prompt_name": "prompt",
    "prompt_version": "version",
    "input_tokens": "usage.input_tokens",
    "output_tokens": "usage.output_tokens",
    "thumb": "feedback.thumb",
    "rating": "feedback.rating",
    "label": "feedback.label",
    "comment": "feedback.comment",
    "correction": "feedback.correction",
}
"""Names of columns that are used as a field without being told."""


def cell_kind(field: str) -> CellKind:
    """Return how cells of a field are read. Raises BadFile for an unknown field."""
    if (known := EXECUTION.get(field) or FEEDBACK.get(field)) is not None:
        return known
    family, _, name = field.rpartition(".") if field.startswith("feedback.") else field.partition(".")
    if family in NAMED and name:
        return NAMED[family]
    named = (f"{family}.NAME" for family in NAMED)
    raise BadFile(f"{field!r} must be one of {', '.join((*EXECUTION, *FEEDBACK, *named))}")


def detect_field(column: str) -> str | None:
    """Return the field that a column of this name holds; None if its name is not a field's."""
    name = column.strip().casefold().replace(" ", "_")
    name = SYNONYMS.get(name, name)
    try:
        cell_kind(name)
    except BadFile:
        return None
    return name
