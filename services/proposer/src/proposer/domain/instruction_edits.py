"""Small edits of a prompt's instructions: one replacement in one message, or one added paragraph."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ratchet.prompt import Message, Prompt, PromptError, parse

MOST_CHARACTERS = 600
"""Characters that an edit may remove and add together, so that it stays small."""
_COPIED = 40
"""An edit must not repeat that many characters in a row of what a user wrote."""
_MARKS = ("{{", "}}", "http://", "https://", "<script")
"""What a drafted instruction must not have: variables, addresses and markup."""


class InvalidEdit(ValueError):
    """An edit can't be used; the message says why, without quoting a text."""


@dataclass(frozen=True, slots=True)
class InstructionEdit:
    """In the message at index `message`, `new` replaces `old`, which is there once; added at the end if `old` is "".

    `intent`: what it is to achieve, in a sentence.
    """

    message: int
    old: str
    new: str
    intent: str


@dataclass(frozen=True, slots=True)
class EditedPrompt:
    """An edit and the prompt that it leads to."""

    edit: InstructionEdit
    result: Prompt


def instruction_messages(prompt: Prompt) -> dict[int, str]:
    """Return the texts of the system and developer messages by index; of the first message if there is none."""
    texts = {
        index: entry.content
        for index, entry in enumerate(prompt.messages)
        if isinstance(entry, Message) and entry.role in ("system", "developer")
    }
    first = next(iter(prompt.messages), None)
    return texts or ({0: first.content} if isinstance(first, Message) else {})


def apply_edit(base: Prompt, edit: InstructionEdit) -> Prompt:
    """Return `base` with an edit. Raises InvalidEdit where it does not fit, is too large or changes nothing."""
    text = instruction_messages(base).get(edit.message)
    if text is None:
        raise InvalidEdit("it edits no instruction")
    if len(edit.old) + len(edit.new) > MOST_CHARACTERS:
        raise InvalidEdit(f"it changes more than {MOST_CHARACTERS} characters")
    if any(mark in edit.new.casefold() for mark in _MARKS):
        raise InvalidEdit("it adds a variable, an address or markup")
    if edit.old and text.count(edit.old) != 1:
        raise InvalidEdit("the text that it replaces is not there exactly once")
    if "{{" in edit.old or "}}" in edit.old:
        raise InvalidEdit("it removes a variable")
    edited = text.replace(edit.old, edit.new) if edit.old else f"{text.rstrip()}\n\n{edit.new.strip()}"
    return _with_message(base, edit.message, edited)


def _with_message(base: Prompt, index: int, content: str) -> Prompt:
    document: dict[str, Any] = base.to_dict()
    document["messages"] = [
        {**message, "content": content} if number == index else message
        for number, message in enumerate(document["messages"])
    ]
    try:
        result = parse(document)
    except PromptError:
        raise InvalidEdit("the result is no valid prompt") from None
    if result == base:
        raise InvalidEdit("it changes nothing")
    return result


def check_copies(edit: InstructionEdit, user_texts: Collection[str]) -> None:
    """Raise InvalidEdit if the edit repeats what a user wrote: that must not become an instruction."""
    added = _plain(f"{edit.new} {edit.intent}")
    users = [_plain(text) for text in user_texts]
    for start in range(max(1, len(added) - _COPIED + 1)):
        part = added[start : start + _COPIED]
        if len(part) == _COPIED and any(part in text for text in users):
            raise InvalidEdit("it repeats what a user wrote")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
