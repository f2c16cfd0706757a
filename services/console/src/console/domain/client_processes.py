"""App processes and the version of a prompt that each was sent."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from console.domain.json_object import JsonObject


@dataclass(frozen=True, slots=True)
class ClientProcess:
    """Connections of one process that were sent the same version. `state`: current, behind, or its own text."""

    instance: str
    connections: int
    sequence: int | None
    digest: str | None
    since: str
    state: str


def processes(items: Iterable[JsonObject], name: str, live: JsonObject | None) -> list[ClientProcess]:
    """Return the processes that subscribe to the prompt `name`, those not current first."""
    groups: dict[tuple[str, int | None, str | None], list[JsonObject]] = defaultdict(list)
    for item in items:
        if item["name"] == name:
            groups[item["instance"] or "unnamed", item["sequence"], item["digest"]].append(item)
    found = [
        ClientProcess(instance, len(group), sequence, digest, min(it["since"] for it in group), _state(sequence, live))
        for (instance, sequence, digest), group in groups.items()
    ]
    return sorted(found, key=lambda process: (process.state == "current", process.instance))


def _state(sequence: int | None, live: JsonObject | None) -> str:
    if live is not None and sequence == live["sequence"]:
        return "current"
    return "its own text" if sequence is None else "behind"
