"""Upload of items, batch by batch: each is repeated until the server has answered for all of its items."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ratchet.client.batches import Batch, Delivered, Retry, Split
from ratchet.client.recorded_items import RecordedItem, Route
from ratchet.client.sender import pause
from ratchet.client.transport import BatchPoster

BATCH_SIZE, BATCH_BYTES = 512, 1_000_000

NumberedItem = tuple[int, RecordedItem]
"""An item and the number of its row."""


class ServerUnavailable(Exception):
    """The server has not accepted a batch in the given time; the message is the last reason.

    `misconfigured`: it will not until somebody changes the URL or the key.
    """

    def __init__(self, reason: str, misconfigured: bool = False) -> None:
        super().__init__(reason)
        self.misconfigured = misconfigured


@dataclass(slots=True)
class UploadCounts:
    """Numbers of items by the server's answer."""

    executions: int = 0
    feedback: int = 0
    duplicates: int = 0
    refused: int = 0

    def add(self, route: Route, accepted: int, duplicates: int) -> None:
        """Count the answers to a batch."""
        setattr(self, route, getattr(self, route) + accepted)
        self.duplicates += duplicates


@dataclass(slots=True)
class Uploader:
    """Posts items. `on_refused` gets the row's number and the reason of each item that the server refuses.

    `patience`: seconds without an answer after which it gives up.
    """

    poster: BatchPoster
    on_refused: Callable[[int, str], None]
    patience: float = 120.0
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    counts: UploadCounts = field(default_factory=UploadCounts)
    _refused_rows: set[int] = field(default_factory=set)

    def upload_all(self, items: Sequence[NumberedItem]) -> None:
        """Upload all items, executions first; blocks until each has an answer. Raises ServerUnavailable.

        The feedback of a row whose execution is refused is not sent.
        """
        self._refused_rows.clear()
        for route in ("executions", "feedback"):
            chosen = [
                (number, item) for number, item in items if item.route == route and number not in self._refused_rows
            ]
            for batch in _batches(chosen):
                self._deliver(route, batch)

    def _deliver(self, route: Route, items: Sequence[NumberedItem]) -> None:
        encoded = tuple(item for _, item in items)
        body = b"[" + b",".join(item.encoded for item in encoded) + b"]"
        result = self._post(Batch(route, uuid.uuid4().hex, encoded, body))
        if isinstance(result, Split):
            half = len(items) // 2
            self._deliver(route, items[:half])
            self._deliver(route, items[half:])
            return
        self.counts.refused += len(result.refused)
        for index, reason in result.refused:
            self._refused_rows.add(items[index][0])
            self.on_refused(items[index][0], reason)
        answered = len(items) - len(result.refused) - len(result.repeat)
        self.counts.add(route, answered - result.duplicates, result.duplicates)
        if result.repeat:
            self.sleep(pause(3))
            self._deliver(route, [items[index] for index in result.repeat])

    def _post(self, batch: Batch) -> Delivered | Split:
        """Post a batch, the same bytes each time, until there is an answer."""
        deadline, attempt = self.monotonic() + self.patience, 0
        while isinstance(result := self.poster.post(batch), Retry):
            if result.misconfigured or self.monotonic() > deadline:
                raise ServerUnavailable(result.reason, result.misconfigured)
            self.sleep(result.after or pause(attempt))
            attempt += 1
        return result


def _batches(items: Sequence[NumberedItem]) -> Iterator[Sequence[NumberedItem]]:
    first = size = 0
    for index, (_, item) in enumerate(items):
        if index > first and (index - first == BATCH_SIZE or size + item.size > BATCH_BYTES):
            yield items[first:index]
            first, size = index, 0
        size += item.size
    if items:
        yield items[first:]
