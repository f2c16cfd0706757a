"""Few-shot examples: the live ones of each slot, candidates and grants."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from console.domain.json_object import JsonObject
from ratchet.prompt import example_digest


@dataclass(frozen=True, slots=True)
class ExampleView:
    """An example and its digest."""

    digest: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class SlotView:
    """A slot of a live prompt with its examples, at most `most`."""

    name: str
    slot: str
    most: int
    examples: tuple[ExampleView, ...]


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate; `live` are the slots that contain it already."""

    item: JsonObject
    live: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant with the uses that are `left`; `state`: active, used up, expired or revoked."""

    item: JsonObject
    left: int
    state: str


def slots(lives: Iterable[JsonObject]) -> list[SlotView]:
    """Return the slots of `prompt.live` documents, by prompt and slot."""
    return [
        SlotView(live["name"], slot, spec["max"], tuple(map(_example, live["examples"].get(slot, ()))))
        for live in lives
        for slot, spec in sorted(live["document"].get("slots", {}).items())
    ]


def candidates(items: Iterable[JsonObject], filled: Iterable[SlotView]) -> list[CandidateView]:
    """Return candidates, each with the slots of its prompt that contain it already."""
    live: dict[tuple[str, str], set[str]] = defaultdict(set)
    for slot in filled:
        for example in slot.examples:
            live[slot.name, example.digest].add(slot.slot)
    return [CandidateView(item, tuple(sorted(live.get((item["name"], example_digest(item)), ())))) for item in items]


def grants(items: Iterable[JsonObject], now: datetime) -> list[GrantView]:
    """Return grants, active ones first."""
    found = [GrantView(item, max(0, item["count"] - item["used"]), _state(item, now)) for item in items]
    return sorted(found, key=lambda grant: grant.state != "active")


def _example(example: JsonObject) -> ExampleView:
    return ExampleView(example_digest(example), example["input"], example["output"])


def _state(item: JsonObject, now: datetime) -> str:
    if item["revoked_at"]:
        return "revoked"
    if datetime.fromisoformat(item["expires_at"]) <= now:
        return "expired"
    return "used up" if item["used"] >= item["count"] else "active"
