"""The difference of two prompts as hunks that can be applied one by one."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from ratchet.prompt import Json, Prompt, parse

_STRUCTURE = ("messages", "slots", "variables")
"""Fields that change together: a message with a new variable is invalid without it."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """One change from the good prompt to the bad one: a line of a message, or a whole field. None: it is not there."""

    path: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of both prompts, or the number of the hunk that changes it."""

    text: str | None
    hunk: int | None = None


class PromptHunks:
    """The hunks between two prompts."""

    def __init__(self, good: Prompt, bad: Prompt) -> None:
        self.good, self.bad = good, bad
        self.hunks: list[Hunk] = []
        self._good, self._bad = good.to_dict(), bad.to_dict()
        self._lines: dict[int, list[_Line]] = {}
        self._fields: dict[int, tuple[str, ...]] = {}
        self._compare()

    def apply(self, hunks: Collection[int]) -> Prompt:
        """Return the good prompt with these hunks, by their index; all of them make the bad prompt."""
        if len(set(hunks)) == len(self.hunks):
            return self.bad
        document: dict[str, Any] = dict(self._good)
        if self._lines:
            messages = [dict(message) for message in document["messages"]]
            for index, lines in self._lines.items():
                messages[index]["content"] = "\n".join(self._chosen(lines, hunks))
            document["messages"] = messages
        for hunk, names in self._fields.items():
            if hunk in hunks:
                document |= {name: self._bad[name] for name in names}
        return parse(document)

    def _chosen(self, lines: list[_Line], hunks: Collection[int]) -> Iterator[str]:
        for line in lines:
            found: Json = line.text
            if line.hunk is not None:
                hunk = self.hunks[line.hunk]
                found = hunk.after if line.hunk in hunks else hunk.before
            if isinstance(found, str):
                yield found

    def _compare(self) -> None:
        """Find the hunks: lines of texts where both prompts have the same messages, variables and slots."""
        whole: tuple[str, ...] = () if self._same_structure() else _STRUCTURE
        if whole:
            self._add_field("messages", whole)
        else:
            for index, (before, after) in enumerate(
                zip(self._messages(self._good), self._messages(self._bad), strict=True)
            ):
                if before != after:
                    self._add_lines(index, before["content"], after["content"])
        for name in self._good.keys() | self._bad.keys():
            if name not in (*_STRUCTURE, "schema") and self._good.get(name) != self._bad.get(name):
                self._add_field(name, (name,))

    def _same_structure(self) -> bool:
        """Return whether only texts of messages differ, so that every choice of lines is a valid prompt."""
        if any(self._good.get(name) != self._bad.get(name) for name in ("schema", "slots", "variables")):
            return False
        before, after = self._messages(self._good), self._messages(self._bad)
        return len(before) == len(after) and all(
            a == b or (_is_text(a) and _is_text(b) and {**a, "content": ""} == {**b, "content": ""})
            for a, b in zip(before, after, strict=True)
        )

    @staticmethod
    def _messages(document: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = document["messages"]
        return found

    def _add_field(self, path: str, names: tuple[str, ...]) -> None:
        self._fields[len(self.hunks)] = (*names, "schema") if names == _STRUCTURE else names
        self.hunks.append(Hunk(path, self._good.get(path), self._bad.get(path)))

    def _add_lines(self, index: int, before: str, after: str) -> None:
        old, new = before.split("\n"), after.split("\n")
        lines: list[_Line] = []
        for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                lines += [_Line(text) for text in old[i:j]]
                continue
            for offset in range(max(j - i, m - k)):
                lines.append(_Line(None, len(self.hunks)))
                removed = old[i + offset] if i + offset < j else None
                added = new[k + offset] if k + offset < m else None
                self.hunks.append(Hunk(f"messages[{index}] line {i + offset + 1}", removed, added))
        self._lines[index] = lines


def _is_text(message: dict[str, Any]) -> bool:
    return isinstance(message.get("content"), str)
