"""Few-shot examples as a page shows them: what is live in each slot, what may come, what grants are left (pure)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ratchet.prompt import example_digest

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """An example and what names it."""

    digest: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class SlotView:
    """A slot of a live prompt, which takes at most `most` examples."""

    name: str
    slot: str
    most: int
    examples: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class CandidateView:
    """What may become an example; `live` in these slots already."""

    item: Item
    live: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GrantView:
    """`left` of its uses; `state`: stands, used up, expired, revoked."""

    item: Item
    left: int
    state: str


def slots(lives: Iterable[Item]) -> list[SlotView]:
    """The slots of `prompt.live` documents, by prompt and slot."""
    return [
        SlotView(live["name"], slot, spec["max"], tuple(map(_shown, live["examples"].get(slot, ()))))
        for live in lives
        for slot, spec in sorted(live["document"].get("slots", {}).items())
    ]


def candidates(items: Iterable[Item], filled: Iterable[SlotView]) -> list[CandidateView]:
    """Candidates, each with the slots of its prompt that hold it by now."""
    held = {(slot.name, shown.digest, slot.slot) for slot in filled for shown in slot.examples}
    found = []
    for item in items:
        digest = example_digest(item)
        found.append(
            CandidateView(item, tuple(sorted(slot for name, of, slot in held if (name, of) == (item["name"], digest))))
        )
    return found


def grants(items: Iterable[Item], now: datetime) -> list[GrantView]:
    """Those that stand first."""
    found = [GrantView(item, max(0, item["count"] - item["used"]), _state(item, now)) for item in items]
    return sorted(found, key=lambda grant: grant.state != "stands")


def _shown(example: Item) -> Shown:
    return Shown(example_digest(example), example["input"], example["output"])


def _state(item: Item, now: datetime) -> str:
    if item["revoked_at"]:
        return "revoked"
    if datetime.fromisoformat(item["expires_at"]) <= now:
        return "expired"
    return "used up" if item["used"] >= item["count"] else "stands"
