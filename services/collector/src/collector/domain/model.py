"""Value types of the collector, and the repository that ingestion needs.

Values are immutable by convention. Most are tuples, and items are not frozen dataclasses: a dozen are made per
request, and creating a frozen one takes four times as long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol

from shared.events.feedback import FeedbackSubject
from shared.events.message import EncodedMessage
from shared.metric_catalog import NEXT_STEPS

Status = Literal["accepted", "duplicate", "erased", "conflict", "changed"]
"""`erased`: nothing is stored, because the item's user was erased. `conflict`: the Idempotency-Key was used with
another body; `changed`: the item's own id was."""


class Mismatch(NamedTuple):
    """The fields (path, reason) that prevent an execution from being completed; nothing of the item is stored."""

    fields: tuple[tuple[str, str], ...]


ItemStatus = Status | Mismatch
"""The status of an ingested item."""


def key_hash(*parts: str) -> bytes:
    """Return a 16-byte hash of these parts, for an index."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).digest()


def feedback_slot(reference: bytes, user: str | None, source: str, kind: str, name: str | None) -> bytes:
    """Return the key of a user's current feedback of one source, kind and name about `reference`.

    What a user did next is one of several kinds, of which the latest is current.
    """
    return key_hash(reference.hex(), user or "", source, "next step" if kind in NEXT_STEPS else kind, name or "")


def as_uuid(key: bytes) -> str:
    """Return a UUIDv8 (RFC 9562, section 5.8) of a `key_hash`: repeats of a request have one id."""
    text = key.hex()
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{'89ab'[key[8] & 3]}{text[17:20]}-{text[20:]}"


class Claim(NamedTuple):
    """A key (from `key_hash`) under which only one item is accepted.

    `body` is the 16-byte hash that a repeat must match; one that does not gets the status `mismatch`. None matches
    any body.
    """

    key: bytes
    body: bytes | None = None
    mismatch: Status = "conflict"


class Origin(NamedTuple):
    """The origin that all items of one request share."""

    project: str
    environment: str
    received_at: datetime
    traceparent: str | None = None


@dataclass(slots=True)
class IngestItem:
    """An execution or a feedback. `id` is the sender's, `event_id` (a UUID) that of its event."""

    origin: Origin
    id: str
    event_id: str
    claims: tuple[Claim, ...]
    payload: bytes


@dataclass(slots=True)
class NewFeedback(IngestItem):
    """A feedback. `payload` is a `feedback.created` without target, execution and replaces, which need the database.

    `id` is a UUID. `reference` is the key of the execution or trace, `slot` that of the user's current feedback of
    this source, kind and name about it. `value` and `label` are retracted by the next feedback of the slot; None
    where this one may not be counted. The label of a next step is its kind. `user` is a pseudonym.
    """

    reference: bytes
    slot: bytes
    value: float | None = None
    label: str | None = None
    about: FeedbackSubject = "execution"
    user: str | None = None


class ObservedPrompt(NamedTuple):
    """The digest of a prompt in use, and its document where the app sent it."""

    name: str
    target: str
    digest: str
    document: Mapping[str, Any] | None = None


@dataclass(slots=True)
class NewExecution(IngestItem):
    """An execution. `payload` is a whole `execution.recorded`; `facts` is the JSON that feedback is joined with.

    `trace` and `session` are keys of those whose root it is. `version` is from
    `execution_keys.version_key`.
    `values` is JSON of the other fields, which a completion must not contradict: numbers, and hashes of the rest.
    `user` is a pseudonym.
    """

    target: str
    reference: bytes
    trace: bytes | None
    session: bytes | None
    version: bytes
    facts: bytes
    values: bytes
    observed_prompts: tuple[ObservedPrompt, ...] = ()
    user: str | None = None


class RecordedExecution(NamedTuple):
    """A stored execution, `facts` and `values` as in `NewExecution`. Without values it can't be completed."""

    target: str
    facts: bytes
    values: bytes | None
    revision: int


class PreviousFeedback(NamedTuple):
    """The feedback that another one replaces; `feedback_id` is a UUID. It has no value if it was never counted."""

    feedback_id: str
    value: float | None
    label: str | None


class ExecutionContext(NamedTuple):
    """The target and the facts (JSON) of the execution that a feedback is about.

    Of a trace or a session it is the first root execution; `mixed` if another root of the same target had another
    version of its prompts. `version` is None where that is not known.
    """

    target: str
    facts: bytes
    version: bytes | None = None
    mixed: bool = False


class CurrentFeedback(NamedTuple):
    """The previous feedback of a slot and the execution it is about, each None where there is none."""

    previous: PreviousFeedback | None = None
    execution: ExecutionContext | None = None


class WaitingFeedback(NamedTuple):
    """A feedback that waits for its execution. `payload` lacks only target and execution."""

    event_id: str
    origin: Origin
    reference: bytes
    payload: bytes


class OutgoingEvent(NamedTuple):
    """An event to be written to the outbox."""

    event_id: str
    message: EncodedMessage


class Repository(Protocol):
    """The collector's tables, within one transaction. No method commits."""

    async def list_erased(self, users: Sequence[str]) -> set[str]:
        """Return the keys of those users that were erased. Nobody can be erased until the transaction ends."""
        ...

    async def save_claims(self, claims: Sequence[Claim]) -> dict[bytes, bytes | None]:
        """Store the claims whose keys are new; return the keys of the others and the body hash stored with each."""
        ...

    async def delete_claims(self, keys: Sequence[bytes]) -> None:
        """Delete claims that this transaction stored."""
        ...

    async def save_executions(self, executions: Sequence[NewExecution]) -> None:
        """Store new executions."""
        ...

    async def lock_execution(self, reference: bytes) -> RecordedExecution | None:
        """Return a stored execution, locked until the transaction ends; None where it is unknown."""
        ...

    async def update_execution(
        self, reference: bytes, execution: RecordedExecution, session: bytes | None = None
    ) -> None:
        """Replace a stored execution, and store the `session` whose root it is."""
        ...

    async def pop_waiting_feedback(
        self, executions: Sequence[NewExecution]
    ) -> list[tuple[WaitingFeedback, ExecutionContext]]:
        """Delete and return the feedback that waits for one of these executions or their traces, oldest first."""
        ...

    async def save_observed_prompts(
        self, observed: Sequence[tuple[Origin, ObservedPrompt]]
    ) -> list[tuple[Origin, ObservedPrompt]]:
        """Store digests that Ratchet does not serve; return those that are new, or have their first document."""
        ...

    async def replace_current_feedback(self, feedback: Sequence[NewFeedback]) -> dict[bytes, CurrentFeedback]:
        """Make each feedback the current one of its slot (one per slot); return by slot what it replaced."""
        ...

    async def retract_current_feedback(self, feedback: Sequence[NewFeedback]) -> None:
        """Remove the values of current feedback that is not counted: the next one of its slot retracts nothing."""
        ...

    async def save_waiting_feedback(self, waiting: Sequence[WaitingFeedback]) -> None:
        """Store feedback whose execution is unknown so far."""
        ...

    async def emit(self, outgoing: Sequence[OutgoingEvent]) -> None:
        """Write events to the outbox."""
        ...
