"""Edit form of a prompt: one field for each message, and the preview of the change."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from console.domain.side_by_side import DiffRow, Document, diff_rows
from ratchet.prompt import PromptError, foreign_syntax, parse
from ratchet.sanitize import visible_lines

_MAX_FIELDS = 1000
_ROWS = (4, 24)


@dataclass(frozen=True, slots=True)
class Field:
    """One message. `slot` or `shape` are set if it can't be edited as text; `name` is the form field of its text."""

    number: int
    name: str
    role: str
    content: str
    slot: str | None
    shape: str | None = None

    @property
    def rows(self) -> int:
        """The height of the text area in lines."""
        lowest, highest = _ROWS
        return min(highest, max(lowest, self.content.count("\n") + 1 + len(self.content) // 90))


@dataclass(frozen=True, slots=True)
class Preview:
    """The difference from the base version; or the `problem` and its `field`."""

    digest: str | None
    differs: list[DiffRow]
    field: str = ""
    problem: str = ""
    warnings: tuple[str, ...] = ()


def fields(document: Document) -> list[Field]:
    """Return the fields of the messages, in order."""
    return [
        Field(n + 1, f"document.messages.{n}.content", it.get("role", ""), _text(it), it.get("slot"), _shape(it))
        for n, it in enumerate(document["messages"])
    ]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _shape(message: Mapping[str, Any]) -> str | None:
    """Return a message as JSON if a text field can't edit it: content parts, tool calls or a placeholder."""
    if "slot" in message or isinstance(message.get("content"), str):
        return None
    return json.dumps(message, ensure_ascii=False, indent=2, sort_keys=True)


def format_uneditable_part(document: Document) -> str:
    """Return the rest of the document, which an edit doesn't change, for display."""
    rest = {key: value for key, value in document.items() if key != "messages"}
    return visible_lines(json.dumps(rest, indent=2, ensure_ascii=False, sort_keys=True))


def preview(base: Document | None, document: object) -> Preview:
    """Return the difference between `base` and an edited document."""
    try:
        made = parse(document)
    except PromptError as error:
        return Preview(None, [], error.field, error.reason)
    return Preview(made.digest, diff_rows(base, made.to_dict()), warnings=tuple(foreign_syntax(made)))


def parse_form(form: bytes) -> dict[str, Any]:
    """Return the submitted form as the API body: `base_digest`, and `document` with the edited texts.

    Raises ValueError if the form or its document is malformed.
    """
    given = dict(parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    try:
        document = _with_texts(json.loads(given["document"]), given)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("document") from error
    return {"base_digest": given.get("base_digest", ""), "document": document}


def _with_texts(document: Document, given: Mapping[str, str]) -> Document:
    made = copy.deepcopy(document)
    for field in fields(made):
        if field.slot is None and field.shape is None and field.name in given:
            made["messages"][field.number - 1]["content"] = given[field.name]
    return made
