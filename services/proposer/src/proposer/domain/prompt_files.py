"""Prompts in files of a repository: read a file's text, and apply a proposal to it with the smallest change."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

from proposer.domain.example_references import set_reference, slot_change
from proposer.domain.json_strings import UnusableFile, replace_string, strings_at
from proposer.domain.prompt_homes import PromptHome
from proposer.domain.python_constants import find_constant, replace_constant
from ratchet.prompt import Message, Prompt, diff
from ratchet.prompt.placeholders import tidy

MAX_FILE = 1_000_000
"""Bytes of a file; a larger one is not changed."""
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(?:.*\r?\n)*?(?:---|\.\.\.)[ \t]*(?:\r?\n)+")
_TEXT_CHANGE = re.compile(r"messages\[(\d+)\](\.content)?|variables(\..+)?")


class ChangedElsewhere(UnusableFile):
    """The file's text is not the one that the proposal replaces."""


@dataclass(frozen=True, slots=True)
class TextChange:
    """The one message of a prompt that a proposal changes, before and after."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _TextLocation:
    """A text in a file, and how to write another one there."""

    text: str
    write: Callable[[str], str]


def text_change(base: Prompt, result: Prompt) -> TextChange:
    """Return the change of a proposal as that of one text. Raises UnusableFile if it is none.

    A file holds the text of one message: changes of the model, parameters, examples or several messages don't fit.
    """
    others = sorted({c.path for c in diff(base, result) if not _TEXT_CHANGE.match(c.path)})
    if others:
        raise UnusableFile(f"the proposal also changes {others[0]}, which is not in the file")
    if len(base.messages) != len(result.messages):
        raise UnusableFile("the proposal adds or removes a message, and a file holds the text of one")
    changed = [(was, now) for was, now in zip(base.messages, result.messages, strict=True) if was != now]
    if len(changed) != 1:
        raise UnusableFile(f"the proposal changes {len(changed)} messages, and a file holds the text of one")
    ((was, now),) = changed
    if not isinstance(was, Message) or not isinstance(now, Message) or was.role != now.role:
        raise UnusableFile("the changed message is more than text")
    return TextChange(was.content, now.content)


def apply_proposal(content: bytes, home: PromptHome, base: Prompt, result: Prompt) -> bytes:
    """Return the file's new content, in which `result` replaces `base`. Raises UnusableFile, or ChangedElsewhere."""
    change = slot_change(base, result)
    if change is None:
        return apply_change(content, home, text_change(base, result))
    if home.format != "json":
        raise UnusableFile("an example set only fits into a JSON file with the whole prompt document, as a reference")
    changed = set_reference(decode_file(content), base, change)
    if changed is None:
        raise ChangedElsewhere("no document of the file is the one that the proposal replaces")
    return changed.encode()


def apply_change(content: bytes, home: PromptHome, change: TextChange) -> bytes:
    """Return the file's new content. Raises UnusableFile, or ChangedElsewhere if the file has another text by now."""
    text = decode_file(content)
    located = _find(text, home, change.before)
    if normal_lines(located.text) != normal_lines(change.before):
        raise ChangedElsewhere("the file has another text than the one that the proposal replaces")
    changed = located.write(_merge_lines(located.text, change.before, change.after)).encode()
    if len(changed) > MAX_FILE:
        raise UnusableFile(f"the file would be larger than {MAX_FILE:,} bytes")
    return changed


def has_text(content: bytes, home: PromptHome, prompt: Prompt) -> bool:
    """Return whether the file's text is that of a message of `prompt`. Raises UnusableFile."""
    text = decode_file(content)
    return any(
        normal_lines(_find(text, home, message.content).text) == normal_lines(message.content)
        for message in prompt.messages
        if isinstance(message, Message)
    )


def decode_file(content: bytes) -> str:
    """Return the text of a file. Raises UnusableFile."""
    if len(content) > MAX_FILE:
        raise UnusableFile(f"it is larger than {MAX_FILE:,} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableFile("it is not UTF-8") from error
    if "\x00" in text:
        raise UnusableFile("it is not text")
    return text


def normal_lines(text: str) -> list[str]:
    """Return lines as they are compared: without blanks at their ends, empty lines at the end, or spaces in
    placeholders."""
    lines = [tidy(line.rstrip()) for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _find(text: str, home: PromptHome, wanted: str) -> _TextLocation:
    match home.format:
        case "text":
            return _TextLocation(text, lambda new: new)
        case "yaml_front_matter":
            return _after_front_matter(text)
        case "json":
            return _in_json(text, home.pointer, wanted)
        case "python_constant":
            assert home.anchor is not None
            if "\r" in text:
                raise UnusableFile("its lines end with a carriage return")
            anchor = home.anchor
            return _TextLocation(find_constant(text, anchor).value, lambda new: replace_constant(text, anchor, new))


def _after_front_matter(text: str) -> _TextLocation:
    head = _FRONT_MATTER.match(text)
    if head is None:
        raise UnusableFile("it does not begin with front matter between two lines ---")
    return _TextLocation(text[head.end() :], lambda new: head[0] + new)


def _in_json(text: str, pointer: str | None, wanted: str) -> _TextLocation:
    found = dict(strings_at(text))
    if pointer is None:
        same = [at for at, value in found.items() if normal_lines(value) == normal_lines(wanted)]
        if len(same) > 1:
            raise UnusableFile("several strings have the text: declare the pointer of the right one")
        if not same:
            raise ChangedElsewhere("no string of the file has the text that the proposal replaces")
        pointer = same[0]
    if pointer not in found:
        raise UnusableFile(f"there is no string at {pointer or 'the top'}")
    located = pointer
    return _TextLocation(found[located], lambda new: replace_string(text, located, new))


def _merge_lines(text: str, before: str, after: str) -> str:
    """Return `text` with the lines that changed from `before` to `after`; all others keep their blanks and ends."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines, old, new = text.replace("\r\n", "\n").split("\n"), before.split("\n"), after.split("\n")
    rest = lines[len(normal_lines(text)) :]
    kept = lines[: len(lines) - len(rest)]
    old, new = old[: len(kept)], new[: len(normal_lines(after))]
    merged: list[str] = []
    matcher = difflib.SequenceMatcher(None, normal_lines("\n".join(old)), normal_lines("\n".join(new)), autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        merged += kept[i:i_end] if tag == "equal" else new[j:j_end]
    return end.join([*merged, *rest])
