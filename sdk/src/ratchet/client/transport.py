"""HTTP requests of the sender, bounded in size and time, and the outcome of a batch from each response or failure."""

import contextlib
import json
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, NamedTuple

import httpx

from ratchet.client.amendment import without
from ratchet.client.batches import Batch, Delivered, Outcome, Retry, Split
from ratchet.client.recorded_items import RecordedItem

MAX_BYTES = 1_000_000

COMPRESSED_FROM = 4_096
"""Bytes of a body from which it is sent compressed: less takes few packets either way."""

_FASTEST = 1
_GZIP = 16 + zlib.MAX_WBITS
_UNREADABLE = (400, 415)
"""Statuses of a server that does not read compressed bodies, or of a body that it can't read either way."""

Transport = Callable[[], httpx.Client]


class _Answer(NamedTuple):
    status: int
    headers: httpx.Headers
    body: bytes


class BatchPoster:
    """Posts batches and never raises. Creates its HTTP client at the first post that can."""

    def __init__(
        self,
        new_client: Transport,
        timeout: float,
        monotonic: Callable[[], float] = time.monotonic,
        amends: bool = True,
    ) -> None:
        """`timeout`: seconds for the whole body of a response. `amends`: as for `outcome`."""
        self._new_client, self._timeout, self._monotonic = new_client, timeout, monotonic
        self._amends = amends
        self._client: httpx.Client | None = None
        self._compresses = True

    def post(self, batch: Batch) -> Outcome:
        """Post a batch and return its outcome; Retry where there is no valid response."""
        try:
            self._client = self._client or self._new_client()
        except Exception as error:  # a proxy, a certificate file, a missing module
            return Retry(f"the HTTP client can't be created: {type(error).__name__}: {error}", misconfigured=True)
        try:
            answer = self._post(self._client, batch)
        except Exception as error:  # any error: the items have no answer, and the thread must go on
            return Retry(type(error).__name__)
        return answer if isinstance(answer, Retry) else outcome(batch, *answer, self._amends)

    def close(self) -> None:
        """Close the HTTP client."""
        with contextlib.suppress(Exception):
            if self._client is not None:
                self._client.close()

    def _post(self, client: httpx.Client, batch: Batch) -> _Answer | Retry:
        """Post a large body compressed, and once more as it is where the server can't read that, under the same key."""
        if not self._compresses or len(batch.body) < COMPRESSED_FROM:
            return self._send(client, batch, batch.body, {})
        body = zlib.compress(batch.body, _FASTEST, _GZIP)  # the same bytes each time
        compressed = self._send(client, batch, body, {"content-encoding": "gzip"})
        if isinstance(compressed, Retry) or compressed.status not in _UNREADABLE:
            return compressed
        plain = self._send(client, batch, batch.body, {})
        if not isinstance(plain, Retry) and plain.status not in _UNREADABLE:
            self._compresses = False
        return plain

    def _send(self, client: httpx.Client, batch: Batch, content: bytes, encoding: dict[str, str]) -> _Answer | Retry:
        headers = {
            "content-type": "application/json",
            "idempotency-key": batch.key,
            "date": formatdate(usegmt=True),  # from which the server computes the clock skew
            **encoding,
        }
        with client.stream("POST", f"/v1/{batch.route}", content=content, headers=headers) as answer:
            body, deadline = bytearray(), self._monotonic() + self._timeout
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    return Retry("the server's response is too long")
                if self._monotonic() > deadline:
                    return Retry("the server's response takes too long")
            return _Answer(answer.status_code, answer.headers, bytes(body))


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
