"""The reference to an example set in a JSON file that holds a prompt document. Examples' texts never go into files."""

from dataclasses import dataclass
from typing import Any

from proposer.domain.json_strings import UnusableFile, load_json, replace_value
from ratchet.prompt import Prompt, PromptError, diff, parse


@dataclass(frozen=True, slots=True)
class SlotChange:
    """The one slot whose example set a proposal changes: digests before (None: empty) and after."""

    slot: str
    before: str | None
    after: str | None


def slot_change(base: Prompt, result: Prompt) -> SlotChange | None:
    """Return the change of a proposal, if it is that of one slot's example set and nothing else; else None."""
    changed = [name for name, slot in result.slots.items() if base.slots.get(name) != slot]
    if len(changed) != 1 or changed[0] not in base.slots or len(diff(base, result)) != 1:
        return None
    was, now = base.slots[changed[0]], result.slots[changed[0]]
    return SlotChange(changed[0], was.set, now.set) if was.max == now.max else None


def set_reference(text: str, base: Prompt, change: SlotChange) -> str | None:
    """Return the file with the slot's new reference; None if no document in it is `base`. Raises UnusableFile."""
    pointers = [at for at, value in _objects(load_json(text), "") if _is_document(value, base)]
    if len(pointers) > 1:
        raise UnusableFile("several documents of the file are the one that the proposal replaces")
    if not pointers:
        return None
    slot = change.slot.replace("~", "~0").replace("/", "~1")
    return replace_value(text, f"{pointers[0]}/slots/{slot}/set", change.after)


def _is_document(value: dict[str, Any], base: Prompt) -> bool:
    if "messages" not in value:
        return False
    try:
        return parse(value).digest == base.digest
    except PromptError:
        return False


def _objects(value: Any, pointer: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    if isinstance(value, dict):
        found.append((pointer, value))
        members = [(key.replace("~", "~0").replace("/", "~1"), item) for key, item in value.items()]
    else:
        members = [(str(i), item) for i, item in enumerate(value)] if isinstance(value, list) else []
    for key, item in members:
        found += _objects(item, f"{pointer}/{key}")
    return found
