"""A batch of items, and the outcomes of sending one."""

from dataclasses import dataclass

from ratchet.client.recorded_items import RecordedItem, Route


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that are sent in one request."""

    route: Route
    key: str
    items: tuple[RecordedItem, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """The server answered for each item.

    `refused`: index and reason of items that it will never accept. `repeat`: indexes of items to send again.
    `amended`: index and replacement of items to send again without some optional fields.
    """

    duplicates: int = 0
    refused: tuple[tuple[int, str], ...] = ()
    repeat: tuple[int, ...] = ()
    amended: tuple[tuple[int, RecordedItem], ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the same batch again after a pause, of at least `after` seconds where the server asked for that.

    `misconfigured`: it fails until somebody changes the configuration.
    """

    reason: str
    after: float | None = None
    misconfigured: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """The batch was refused as a whole; send it in halves."""


Outcome = Delivered | Retry | Split
