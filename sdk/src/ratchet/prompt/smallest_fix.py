"""Which fix a prompt needs that got worse. No language model is asked."""

from dataclasses import dataclass
from typing import Literal

from ratchet.prompt.document import Prompt
from ratchet.prompt.restore import Conflict, Restored, restore


@dataclass(frozen=True, slots=True)
class Fix:
    """`prompt` should replace the bad version. `why` says in one sentence what it does and why it is not smaller."""

    kind: Literal["restore", "rollback"]
    prompt: Prompt
    why: str


def smallest_fix(good: Prompt, bad: Prompt) -> Fix:
    """What was removed is put back and what was added stays; where that can't be, the good version comes back."""
    found = restore(good, bad)
    if isinstance(found, Conflict):
        return Fix("rollback", good, f"Goes back to the last good version: {found.where} was replaced.")
    if found.prompt == bad:
        return Fix("rollback", good, "Goes back to the last good version: nothing had been removed.")
    return Fix("restore", found.prompt, _what_is_put_back(found))


def _what_is_put_back(found: Restored) -> str:
    parts = [f"{len(found.lines)} removed line{'s' * (len(found.lines) != 1)}"] if found.lines else []
    parts += found.fields
    return f"Puts back {', '.join(parts) or 'a removed message'}; keeps what was added."
