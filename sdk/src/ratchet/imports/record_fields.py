"""The fields of executions and feedback that a column of a file can hold. Pure."""

from collections.abc import Mapping
from typing import Literal

from ratchet.client.field_values import NEXT_STEPS
from ratchet.tables import BadFile

CellKind = Literal[
    "id",
    "text",
    "content",
    "number",
    "count",
    "yes_no",
    "step",
    "time",
    "list",
    "thumb",
    "rating",
    "outcome",
    "confidentiality",
    "plain",
    "object",
    "prompts",
]
"""How a cell is read. `content`: text, messages or an object; `step`: yes, where no is no value; `plain`: text, number,
or yes and no; `object`: named values; `prompts`: the prompts used, as `POST /v1/executions` has them."""

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
    "currency": "text",
    "latency_ms": "number",
    "time_to_first_token_ms": "number",
    "outcome": "outcome",
    "region": "id",
    "confidentiality": "confidentiality",
    "occurred_at": "time",
    "consent.quality": "yes_no",
    "consent.learning": "yes_no",
}
"""Fields of an execution. `prompt` is the name of the prompt used, `version` or `digest` says which text of it."""

OBJECTS: Mapping[str, CellKind] = {
    **dict.fromkeys(("usage", "scores", "attributes", "parameters", "consent"), "object"),
    "prompts": "prompts",
}
"""Fields of an execution with several values in one cell, as JSON lines of executions have them."""

FEEDBACK: Mapping[str, CellKind] = {
    "execution_id": "id",
    "feedback.thumb": "thumb",
    "feedback.rating": "rating",
    "feedback.label": "text",
    "feedback.comment": "text",
    "feedback.correction": "text",
    "feedback.chosen": "content",
    "feedback.rejected": "content",
    "feedback.click": "yes_no",
    "feedback.copy": "yes_no",
    "feedback.dwell": "number",
    **dict.fromkeys((f"feedback.{step}" for step in NEXT_STEPS), "step"),
}
"""Fields of feedback. With `execution_id`, a row is feedback about an execution that was sent before.

`feedback.chosen` and `feedback.rejected` are the outputs of a preference; one that is missing is the execution's own.
"""

NAMED: Mapping[str, CellKind] = {
    "usage": "count",
    "scores": "number",
    "attributes": "plain",
    "parameters": "plain",
    "feedback.label": "text",
    "feedback.score": "number",
    "feedback.click": "yes_no",
    "feedback.copy": "yes_no",
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
    "cached_input_tokens": "usage.cached_input_tokens",
    "cache_write_tokens": "usage.cache_write_tokens",
    "reasoning_tokens": "usage.reasoning_tokens",
    "total_tokens": "usage.total_tokens",
    "ttft_ms": "time_to_first_token_ms",
    "thumb": "feedback.thumb",
    "rating": "feedback.rating",
    "label": "feedback.label",
    "comment": "feedback.comment",
    "correction": "feedback.correction",
}
"""Names of columns that are used as a field by default."""


def cell_kind(field: str) -> CellKind:
    """Return how cells of a field are read. Raises BadFile for an unknown field."""
    if (known := EXECUTION.get(field) or OBJECTS.get(field) or FEEDBACK.get(field)) is not None:
        return known
    family, _, name = field.rpartition(".") if field.startswith("feedback.") else field.partition(".")
    if family in NAMED and name:
        return NAMED[family]
    named = (f"{family}.NAME" for family in NAMED)
    raise BadFile(f"{field!r} must be one of {', '.join((*EXECUTION, *OBJECTS, *FEEDBACK, *named))}")


def detect_field(column: str) -> str | None:
    """Return the field that a column of this name holds; None if its name is not a field's."""
    name = column.strip().casefold().replace(" ", "_")
    name = SYNONYMS.get(name, name)
    try:
        cell_kind(name)
    except BadFile:
        return None
    return name
