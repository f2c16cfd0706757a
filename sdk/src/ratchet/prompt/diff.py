"""Differences between two prompts, as a structure for programs and as lines for reviewers."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from ratchet.prompt.canonical import Json, canonical_bytes
from ratchet.prompt.document import Entry, Message, Placeholder, Prompt, SlotPlace
from ratchet.prompt.errors import at
from ratchet.sanitize import visible


class _Absence(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absence.ABSENT
Absent: TypeAlias = Literal[_Absence.ABSENT]


@dataclass(frozen=True, slots=True)
class PromptChange:
    """A difference. ABSENT means that one side does not have the field; None is JSON's null.

    `path` is like `messages[0].content`; indexes are those of `before`, or of `after` for added elements.
    """

    path: str
    before: Json | Absent
    after: Json | Absent


def diff(before: Prompt, after: Prompt) -> tuple[PromptChange, ...]:
    """Return the smallest differences; empty exactly when the digests are equal."""
    return tuple(_changes("", before.to_dict(), after.to_dict()))


def unified(before: Prompt | None, after: Prompt, context: int = 3, names: tuple[str, str] | None = None) -> str:
    """Return a unified diff for people, messages line by line; empty exactly when the digests are equal.

    Without `before`, all of `after` as additions. `names` replace the digests in its header. Lines of text are
    indented and show invisible characters, so that no text can look like a heading or be hidden.
    """
    was, now = map(visible, names or ("nothing" if before is None else before.digest, after.digest))
    old = [] if before is None else readable(before)
    lines = difflib.unified_diff(old, readable(after), was, now, n=context, lineterm="")
    return "\n".join(lines)


def readable(prompt: Prompt) -> list[str]:
    """Return the document as lines for reviewers; only equal documents have equal lines.

    Lines of text are indented and show invisible characters, so that no text can look like a heading or be hidden.
    """
    document = prompt.to_dict()
    lines: list[str] = []
    for part in ("schema", "model", "parameters", "response_format", "variables", "slots", "tools"):
        written = json.dumps(document[part], ensure_ascii=False, indent=2, sort_keys=True)
        lines += [visible(line) for line in f"{part}: {written}".split("\n")]
    for message in prompt.messages:
        lines += _message_lines(message)
    return lines


def _changes(path: str, before: Json, after: Json) -> Iterator[PromptChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _object_changes(path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(path, before, after)
    elif canonical_bytes(before) != canonical_bytes(after):  # not ==, for which 1 equals True
        yield PromptChange(path, before, after)


def _object_changes(path: str, before: dict[str, Json], after: dict[str, Json]) -> Iterator[PromptChange]:
    for key in sorted(before.keys() | after.keys()):
        child = at(path, key)
        if key not in after:
            yield PromptChange(child, before[key], ABSENT)
        elif key not in before:
            yield PromptChange(child, ABSENT, after[key])
        else:
            yield from _changes(child, before[key], after[key])


def _list_changes(path: str, before: list[Json], after: list[Json]) -> Iterator[PromptChange]:
    old, new = [canonical_bytes(item) for item in before], [canonical_bytes(item) for item in after]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        paired = min(i_end - i, j_end - j)
        for offset in range(paired):
            yield from _changes(at(path, i + offset), before[i + offset], after[j + offset])
        for k in range(i + paired, i_end):
            yield PromptChange(at(path, k), before[k], ABSENT)
        for k in range(j + paired, j_end):
            yield PromptChange(at(path, k), ABSENT, after[k])


def _message_lines(message: Entry) -> list[str]:
    match message:
        case SlotPlace(slot):
            return [f"[slot {slot}]"]
        case Placeholder(name):
            return [f"[placeholder {name}]"]
        case Message(role, content):
            return [f"[{role}]", *_indented(content, 2)]
    lines = [f"[{message.role}, structured]"]
    parts = message.content if isinstance(message.content, list) else [message.content]
    for part in parts:
        lines += _part_lines(part)
    if isinstance(message.content, list) and not parts:
        lines.append("  content: []")
    return lines + [f"  {key}: {_written(value)}" for key, value in sorted(message.extras.items())]


def _part_lines(part: Json) -> list[str]:
    """Return the lines of a content part. Text is indented by four, so that it can't look like a part."""
    if isinstance(part, str):
        return ["  content:", *_indented(part, 4)]
    if isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text":
        return ["  text:", *_indented(str(part["text"]), 4)]
    return [f"  {'content' if part is None else 'part'}: {_written(part)}"]


def _indented(text: str, by: int) -> list[str]:
    return [" " * by + visible(line) for line in text.split("\n")]


def _written(value: Json) -> str:
    return visible(json.dumps(value, ensure_ascii=False, sort_keys=True))
