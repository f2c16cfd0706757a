"""The smallest fix of a prompt that got worse, without a language model. Pure."""

from dataclasses import dataclass
from typing import Literal

from ratchet.prompt.document import Prompt
from ratchet.prompt.restore import Conflict, Restored, restore


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix: `prompt` should replace the bad version; `why` says in one sentence what it changes and why."""

    kind: Literal["restore", "rollback"]
    prompt: Prompt
    why: str


def smallest_fix(good: Prompt, bad: Prompt) -> Fix:
    """Return a fix that restores what was removed and keeps what was added, else a rollback to the good version."""
    found = restore(good, bad)
    if isinstance(found, Conflict):
        return Fix("rollback", good, f"Rolls back to the last good version: {found.where} was replaced.")
    if found.prompt == bad:
        return Fix("rollback", good, "Rolls back to the last good version: nothing had been removed.")
    return Fix("restore", found.prompt, _restored_parts(found))


def _restored_parts(found: Restored) -> str:
    parts = [f"{len(found.lines)} removed line{'s' * (len(found.lines) != 1)}"] if found.lines else []
    parts += found.fields
    return f"Restores {', '.join(parts) or 'a removed message'}; keeps what was added."
