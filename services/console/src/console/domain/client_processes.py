"""Which processes of apps serve which version of a prompt (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClientProcess:
    """Connections of one process that were sent the same. `state`: current, behind, or its own text."""

    instance: str
    connections: int
    sequence: int | None
    digest: str | None
    since: str
    state: str


def processes(items: Iterable[Item], name: str, live: Item | None) -> list[ClientProcess]:
    """The processes that listen for `name`, those that are behind first; an instance that says no name is unnamed."""
    groups: dict[tuple[str, int | None, str | None], list[Item]] = defaultdict(list)
    for item in items:
        if item["name"] == name:
            groups[item["instance"] or "unnamed", item["sequence"], item["digest"]].append(item)
    found = [
        ClientProcess(instance, len(group), sequence, digest, min(it["since"] for it in group), _state(sequence, live))
        for (instance, sequence, digest), group in groups.items()
    ]
    return sorted(found, key=lambda process: (process.state == "current", process.instance))


def _state(sequence: int | None, live: Item | None) -> str:
    if live is not None and sequence == live["sequence"]:
        return "current"
    return "its own text" if sequence is None else "behind"
