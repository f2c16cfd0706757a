"""From a response of the server to the outcome of a batch. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from ratchet.client.amendment import without
from ratchet.client.batches import Batch, Delivered, Outcome, Retry, Split
from ratchet.client.recorded_items import RecordedItem

_REFUSALS = frozenset({400, 409, 413, 415, 422})
"""Statuses that refuse a batch for good. Others may pass: a key may be too new for a service, a proxy wrong."""

_DONE = ("accepted", "duplicate", "erased")
"""Statuses of items that need not be sent again. `erased`: the server stores nothing of that user."""

_MAX_PAUSE = 300.0
_MAX_CHARACTERS = 1_000
"""Maximum length of a reason in the log."""


def outcome(batch: Batch, status: int, headers: Mapping[str, str], body: bytes, amends: bool = True) -> Outcome:
    """Return the outcome of a batch: item by item from a list of results; a batch refused as a whole is split.

    `amends`: an item refused for optional fields is sent again without them.
    """
    if status not in _REFUSALS and not 200 <= status < 300:
        return Retry(f"the server answered {status}", retry_after(headers), misconfigured(status))
    answer = _json_object(body)
    results = answer.get("results")
    if isinstance(results, list) and len(results) == len(batch.items):
        return _delivered(batch, results, amends)
    if status < 300:
        return Retry("the response is not from a Ratchet server")
    return Split() if len(batch.items) > 1 else _delivered(batch, [{"status": "refused", "problem": answer}], amends)


def misconfigured(status: int) -> bool:
    """Tell whether the status means a wrong key or a URL of another server, which somebody must correct."""
    return status in (401, 403, 404) or 300 <= status < 400


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, at most 300; None where it is not a number of seconds."""
    value = headers.get("retry-after", "")
    return min(float(value), _MAX_PAUSE) if value.isascii() and value.isdigit() else None


def _delivered(batch: Batch, results: list[Any], amends: bool) -> Delivered:
    entries = [entry if isinstance(entry, dict) else {} for entry in results]
    repeat = tuple(index for index, entry in enumerate(entries) if _failed(entry))
    refused: list[tuple[int, str]] = []
    amended: list[tuple[int, RecordedItem]] = []
    for index, entry in enumerate(entries):
        if entry.get("status") not in _DONE and index not in repeat:
            item = without(batch.items[index], _fields(entry.get("problem"))) if amends else None
            if item is None:
                refused.append((index, _reason(entry.get("problem"))))
            else:
                amended.append((index, item))
    duplicates = sum(entry.get("status") == "duplicate" for entry in entries)
    return Delivered(duplicates, tuple(refused), repeat, tuple(amended))


def _failed(entry: dict[str, Any]) -> bool:
    """Whether the server failed for this item, which is then sent again."""
    if entry.get("status") in _DONE:
        return False
    problem = entry.get("problem")
    status = problem.get("status") if isinstance(problem, dict) else None
    return entry.get("status") == "failed" or (isinstance(status, int) and status >= 500)


def _fields(problem: object) -> list[str]:
    """Return the fields that a problem names."""
    errors = problem.get("errors") if isinstance(problem, dict) else None
    named = [error.get("field") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return [field for field in named if isinstance(field, str)]


def _reason(problem: object) -> str:
    found = problem if isinstance(problem, dict) else {}
    return str(found.get("detail") or found.get("title") or "refused")[:_MAX_CHARACTERS]


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
