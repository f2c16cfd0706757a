"""An edit of a prompt as a form: a field for each message, the rest kept as it is; and what it would change (pure)."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from console.domain.side_by_side import DiffRow, Document, diff_rows
from ratchet.prompt import PromptError, foreign_syntax, parse
from ratchet.sanitize import visible_lines

_MOST_FIELDS = 1000
_ROWS = (4, 24)


@dataclass(frozen=True, slots=True)
class Field:
    """One message, or a place or `shape` that can't be written in. `name` is where its text stands in the body."""

    number: int
    name: str
    role: str
    content: str
    slot: str | None
    shape: str | None = None

    @property
    def rows(self) -> int:
        """How many lines tall it is shown."""
        least, most = _ROWS
        return min(most, max(least, self.content.count("\n") + 1 + len(self.content) // 90))


@dataclass(frozen=True, slots=True)
class Preview:
    """`differs` from what it would replace; or what is wrong with it, and in which field."""

    digest: str | None
    differs: list[DiffRow]
    field: str = ""
    problem: str = ""
    warnings: tuple[str, ...] = ()


def fields(document: Document) -> list[Field]:
    """The messages in order."""
    return [
        Field(n + 1, f"document.messages.{n}.content", it.get("role", ""), _text(it), it.get("slot"), _shape(it))
        for n, it in enumerate(document["messages"])
    ]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _shape(message: Mapping[str, Any]) -> str | None:
    """What a message is that a text field can't hold: parts, tool calls, or the place of messages; as JSON."""
    if "slot" in message or isinstance(message.get("content"), str):
        return None
    return json.dumps(message, ensure_ascii=False, indent=2, sort_keys=True)


def kept(document: Document) -> str:
    """What an edit leaves as it is, for people."""
    rest = {key: value for key, value in document.items() if key != "messages"}
    return visible_lines(json.dumps(rest, indent=2, ensure_ascii=False, sort_keys=True))


def preview(base: Document | None, document: object) -> Preview:
    """What the document would change of `base`."""
    try:
        made = parse(document)
    except PromptError as error:
        return Preview(None, [], error.field, error.reason)
    return Preview(made.digest, diff_rows(base, made.to_dict()), warnings=tuple(foreign_syntax(made)))


def posted(form: bytes) -> dict[str, Any]:
    """The fields of a form as the API would get them: `document` as JSON, with the texts of its messages put in.

    Raises ValueError.
    """
    given = dict(parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
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
