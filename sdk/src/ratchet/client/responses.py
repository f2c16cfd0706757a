"""What an answer of the server means for a batch. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from ratchet.client.amendment import without
from ratchet.client.items import RecordedItem
from ratchet.client.queue import Batch, Delivered, Outcome, Retry, Split

_REFUSALS = frozenset({400, 409, 413, 415, 422})
"""Everything else may be put right: a key can be so new that not every service knows it, a proxy can be wrong."""

_LONGEST_PAUSE = 300.0
_MOST_CHARACTERS = 1_000
"""Of a reason: it goes into a log."""


def outcome(batch: Batch, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Each item of a results list is settled alone; a batch refused as a whole is split to find the culprit."""
    if status not in _REFUSALS and not 200 <= status < 300:
        return Retry(f"the server answered {status}", retry_after(headers), misconfigured(status))
    answer = _json_object(body)
    results = answer.get("results")
    if isinstance(results, list) and len(results) == len(batch.items):
        return _settled(batch, results)
    if status < 300:
        return Retry("the server's answer is not Ratchet's")
    return Split() if len(batch.items) > 1 else _settled(batch, [{"status": "refused", "problem": answer}])


def misconfigured(status: int) -> bool:
    """Whether people have to put something right: a wrong key, or a URL that is not the server's."""
    return status in (401, 403, 404) or 300 <= status < 400


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for, at most 300; None where it gives no number of seconds."""
    value = headers.get("retry-after", "")
    return min(float(value), _LONGEST_PAUSE) if value.isascii() and value.isdigit() else None


def _settled(batch: Batch, results: list[Any]) -> Delivered:
    entries = [entry if isinstance(entry, dict) else {} for entry in results]
    repeat = tuple(index for index, entry in enumerate(entries) if _failed(entry))
    refused: list[tuple[int, str]] = []
    amended: list[tuple[int, RecordedItem]] = []
    for index, entry in enumerate(entries):
        if entry.get("status") not in ("accepted", "duplicate") and index not in repeat:
            item = without(batch.items[index], _fields(entry.get("problem")))
            if item is None:
                refused.append((index, _reason(entry.get("problem"))))
            else:
                amended.append((index, item))
    duplicates = sum(entry.get("status") == "duplicate" for entry in entries)
    return Delivered(duplicates, tuple(refused), repeat, tuple(amended))


def _failed(entry: dict[str, Any]) -> bool:
    """Whether the server failed on this item: it isn't the item's fault, so it is sent again."""
    if entry.get("status") in ("accepted", "duplicate"):
        return False
    problem = entry.get("problem")
    status = problem.get("status") if isinstance(problem, dict) else None
    return entry.get("status") == "failed" or (isinstance(status, int) and status >= 500)


def _fields(problem: object) -> list[str]:
    """The fields that a problem names."""
    errors = problem.get("errors") if isinstance(problem, dict) else None
    named = [error.get("field") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return [field for field in named if isinstance(field, str)]


def _reason(problem: object) -> str:
    found = problem if isinstance(problem, dict) else {}
    return str(found.get("detail") or found.get("title") or "refused")[:_MOST_CHARACTERS]


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
