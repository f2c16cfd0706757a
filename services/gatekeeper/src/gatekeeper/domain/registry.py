"""What the registry knows of prompts: live, observed and archived versions (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class LiveSummary:
    """What is live under a name, without its document."""

    target: str
    digest: str
    sequence: int
    reason: str
    by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class LiveElsewhere:
    """What is live under a name in another environment of the project."""

    environment: str
    target: str
    digest: str
    sequence: int
    reason: str
    by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Archival:
    """Who archived a prompt, when and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ObservedDigest:
    """A version that an app reported. `content_known`: its document is stored.

    `reviewed`: by a person, or because it was live or replaced here.
    """

    digest: str
    target: str
    first_seen: datetime
    content_known: bool
    reviewed: bool


@dataclass(frozen=True, slots=True)
class RegisteredPrompt:
    """A name with what is live, here and in other environments, and the digests that were observed, newest first."""

    name: str
    live: LiveSummary | None
    archived: Archival | None
    elsewhere: Sequence[LiveElsewhere]
    observed: Sequence[ObservedDigest]


@dataclass(frozen=True, slots=True)
class VersionAuthorisation:
    """The decision, grant or rollback that made a version live."""

    kind: str
    id: UUID
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class PromotedVersion:
    """A version that was live under a name, with its document."""

    sequence: int
    target: str
    digest: str
    base_digest: str | None
    reason: str
    authorisation: VersionAuthorisation
    occurred_at: datetime
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """The document of a digest, and when it was stored."""

    digest: str
    document: Mapping[str, Any]
    added_at: datetime
