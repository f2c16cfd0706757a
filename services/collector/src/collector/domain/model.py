"""What the collector works with: items that were checked and scrubbed, and what became of them.

Nothing here is ever changed. Most are tuples, and items are not frozen, because a dozen are made for each request,
and a frozen dataclass takes four times as long to make.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol

from shared.events.message import Message

Status = Literal["accepted", "duplicate", "conflict", "changed"]
"""`conflict`: the Idempotency-Key was used with another body; `changed`: the item's own id was."""


class Mismatch(NamedTuple):
    """The fields (path, reason) that keep an execution from being completed: nothing of the item was kept."""

    fields: tuple[tuple[str, str], ...]


Judgement = Status | Mismatch
"""What became of an item."""


def key_hash(*parts: str) -> bytes:
    """16 bytes that stand for these parts in an index."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).digest()


def feedback_slot(reference: bytes, created: Mapping[str, Any]) -> bytes:
    """The place of a user's one opinion of a source, kind and name on what `reference` stands for.

    `created` holds the fields of the `feedback.created`.
    """
    fields = (created.get(name) or "" for name in ("user", "source", "kind", "name"))
    return key_hash(reference.hex(), *fields)


def as_uuid(key: bytes) -> str:
    """A UUIDv8 (RFC 9562, section 5.8) made of 16 bytes from `hashed`: repeats of a request have one id."""
    text = key.hex()
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{'89ab'[key[8] & 3]}{text[17:20]}-{text[20:]}"


class Claim(NamedTuple):
    """A name (from `hashed`) that an item may be taken under only once.

    `body` is the 16-byte hash that a repeat must match, or it gets the status `mismatch`; None matches any.
    """

    key: bytes
    body: bytes | None = None
    mismatch: Status = "conflict"


class Origin(NamedTuple):
    """What all items of one request share."""

    project: str
    environment: str
    received_at: datetime
    traceparent: str | None = None


@dataclass(slots=True)
class IngestItem:
    """One thing that was sent to us. `id` is what its sender calls it, `event_id` (a UUID) what the bus does."""

    origin: Origin
    id: str
    event_id: str
    claims: tuple[Claim, ...]
    payload: bytes


@dataclass(slots=True)
class NewFeedback(IngestItem):
    """`payload` is a `feedback.created` without what only the database knows: target, execution, replaces.

    `id` is a UUID. `reference` stands for the execution or trace, `slot` for the user's one opinion of this
    source, kind and name on it. `value` and `label` are what the next one takes back: None where it may not be counted.
    """

    reference: bytes
    slot: bytes
    value: float | None = None
    label: str | None = None


class ObservedPrompt(NamedTuple):
    """A prompt's digest in use, and its document where the app sent it."""

    name: str
    target: str
    digest: str
    document: Mapping[str, Any] | None = None


@dataclass(slots=True)
class NewExecution(IngestItem):
    """`payload` is a whole `execution.recorded`; `facts` what feedback is joined with, as JSON.

    `values` is JSON of what else a completion must not contradict: numbers, and hashes of texts and lists.
    """

    target: str
    reference: bytes
    trace: bytes | None
    facts: bytes
    values: bytes
    sightings: tuple[ObservedPrompt, ...] = ()


class RecordedExecution(NamedTuple):
    """An execution as it was kept, `facts` and `values` as in `NewExecution`. No values: it can't be completed."""

    target: str
    facts: bytes
    values: bytes | None
    revision: int


class PreviousFeedback(NamedTuple):
    """The opinion that a feedback takes the place of; `feedback_id` is a UUID. It has no value if it never counted."""

    feedback_id: str
    value: float | None
    label: str | None


class ExecutionContext(NamedTuple):
    """The target and the facts (JSON) of the execution that a feedback is about."""

    target: str
    facts: bytes


class CurrentFeedback(NamedTuple):
    """What a slot held before, and the execution behind it, each None where there is none."""

    former: PreviousFeedback | None = None
    joined: ExecutionContext | None = None


class WaitingFeedback(NamedTuple):
    """A feedback that waits for its execution. `payload` lacks only target and execution."""

    event_id: str
    origin: Origin
    reference: bytes
    payload: bytes


class OutgoingEvent(NamedTuple):
    """An event on its way into the outbox."""

    event_id: str
    message: Message


class Repository(Protocol):
    """The collector's tables, inside one transaction. Nothing here commits."""

    async def claim(self, claims: Sequence[Claim]) -> dict[bytes, bytes | None]:
        """Takes the claims that are free; gives back the others, with the body hash they were taken with."""
        ...

    async def unclaim(self, keys: Sequence[bytes]) -> None:
        """Gives back claims that this transaction took."""
        ...

    async def add_executions(self, executions: Sequence[NewExecution]) -> None: ...

    async def lock_execution(self, reference: bytes) -> RecordedExecution | None:
        """The execution as it was kept, which nobody else changes until the transaction ends."""
        ...

    async def save_execution(self, reference: bytes, execution: RecordedExecution) -> None: ...

    async def release(self, executions: Sequence[NewExecution]) -> list[tuple[WaitingFeedback, ExecutionContext]]:
        """Takes out the feedback that waits for one of these executions or their traces, the oldest first."""
        ...

    async def observe(self, sightings: Sequence[tuple[Origin, ObservedPrompt]]) -> list[tuple[Origin, ObservedPrompt]]:
        """Keeps the digests that we do not serve; gives back those new to us, or first with a document now."""
        ...

    async def put_opinions(self, feedback: Sequence[NewFeedback]) -> dict[bytes, CurrentFeedback]:
        """Makes these the current opinions of their slots (one each); slot → what was there before."""
        ...

    async def wait(self, waiting: Sequence[WaitingFeedback]) -> None: ...

    async def emit(self, outgoing: Sequence[OutgoingEvent]) -> None: ...
