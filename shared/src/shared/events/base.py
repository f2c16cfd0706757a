"""Base classes of events: scope, type, Kafka key, and the envelope; ids, references and keys."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict

__all__ = [
    "AwareDatetime",
    "E",
    "Envelope",
    "Event",
    "Fact",
    "derived_id",
    "execution_reference",
    "new_id",
    "subject_key",
    "subject_keys",
]


class Fact(BaseModel):
    """A frozen value inside an event. Consumers ignore fields that they do not know (Postel)."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Event(Fact):
    """One thing that happened. `topic` names it and its Kafka topic; `major` is its schema's major version."""

    topic: ClassVar[str]
    major: ClassVar[int] = 1

    project: str
    environment: str

    @property
    def key(self) -> str:
        """The Kafka key: events with the same key go to the same partition."""
        raise NotImplementedError

    @property
    def type(self) -> str:
        return f"ratchet.{self.topic}.v{self.major}"


class TargetEvent(Event):
    """An event about one target: all of a target's events share a partition."""

    target: str

    @property
    def key(self) -> str:
        return f"{self.project}/{self.target}"


class PromptEvent(Event):
    """An event about one prompt name in one environment."""

    name: str

    @property
    def key(self) -> str:
        return f"{self.project}/{self.environment}/{self.name}"


class ProjectEvent(Event):
    """An event about a whole project."""

    @property
    def key(self) -> str:
        return self.project


E = TypeVar("E", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Envelope(Generic[E]):
    """An event with its CloudEvents 1.0 context attributes.

    `correlation_id` is the same for all events with the same origin; `causation_id` is the id of the event
    (or request) that directly led to this one.
    """

    id: UUID
    time: datetime
    source: str
    event: E
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None

    def caused(self, event: "Event", *, id: UUID, time: datetime, source: str) -> "Envelope[Event]":
        """Return an envelope for an event that this one led to."""
        return Envelope(id, time, source, event, self.correlation_id, str(self.id), self.traceparent)


def new_id(now: datetime) -> UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): sorts by `now` in milliseconds, 74 random bits."""
    millis = int(now.timestamp() * 1000) & 0xFFFFFFFFFFFF
    rand = secrets.randbits(74)
    return UUID(int=millis << 80 | 0x7 << 76 | (rand >> 62) << 64 | 0b10 << 62 | rand & ((1 << 62) - 1))


def derived_id(*parts: str) -> UUID:
    """Return the same id for the same parts (RFC 9562 UUIDv5): repeats of a request or an effect are one."""
    return uuid5(NAMESPACE_URL, "ratchet:" + "\x1f".join(parts))


def execution_reference(project: str, environment: str, execution_id: str) -> UUID:
    """Return the hash by which services recognise an execution without its id."""
    parts = "\x1f".join((project, environment, "execution", execution_id))
    return UUID(bytes=blake2b(parts.encode(), digest_size=16).digest())


def subject_key(project: str, subject: str) -> str:
    """Return the key of a user: a hash of a user's id is known in its own project only."""
    return f"{project}/{subject}"


class _Facts(Protocol):
    @property
    def user(self) -> str | None: ...


def subject_keys(event: Any) -> list[str]:
    """Return the keys of the users whose data an `execution.recorded` or `feedback.created` has, or its struct."""
    facts: _Facts | None = getattr(event, "facts", None) or getattr(event, "execution", None)
    users = (getattr(event, "user", None), None if facts is None else facts.user)
    return [subject_key(event.project, user) for user in users if user is not None]
