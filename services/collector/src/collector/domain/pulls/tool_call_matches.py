"""Assigns logged tool calls to executions. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

MAX_CALLS = 100
"""Calls of an execution; further ones are left out."""


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A logged call: `key` is the id or trace id of its execution, `body` is as `POST /v1/executions` gets it."""

    at: datetime
    key: str
    body: Mapping[str, Any]


def assign_calls(
    calls: Iterable[LoggedCall], executions: Sequence[tuple[str | None, datetime]], within: timedelta
) -> dict[int, list[Mapping[str, Any]]]:
    """Return the calls by index of their execution, in the order of time.

    Executions are given by key and time of their log event. Of several with the same key, a call belongs to the first
    that was logged at or after it, else to the last. Calls of other executions are left out, and so are those logged
    more than `within` before or after their execution: which ones are found must not depend on the slice that is read.
    """
    by_key: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for index, (key, at) in enumerate(executions):
        if key is not None:
            by_key[key].append((at, index))
    for logged in by_key.values():
        logged.sort()
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: call.at):
        if logged := by_key.get(call.key, []):
            place = bisect_left(logged, call.at, key=lambda entry: entry[0])
            at, index = logged[min(place, len(logged) - 1)]
            if abs(at - call.at) <= within and len(found[index]) < MAX_CALLS:
                found[index].append(call.body)
    return {index: bodies for index, bodies in found.items() if bodies}
