"""Events about live prompts, API keys and the kill switch."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import AwareDatetime, Fact, ProjectEvent, PromptEvent

LiveReason = Literal["promoted", "rolled_back", "example_revoked"]
Scope = Literal["ingest", "browser-ingest", "evaluate", "read", "tune", "review", "operate", "admin"]
SubjectKind = Literal["person", "service"]


class Authorisation(Fact):
    """The authorisation of a promotion: exactly one decision, grant or rollback record."""

    kind: Literal["decision", "grant", "rollback"]
    id: UUID
    by: str


class Signature(Fact):
    """Ed25519 (RFC 8032) over the RFC 8785 form of the fields that `ratchet.signing` names; base64url, no padding."""

    key_id: str
    value: str


class LiveArms(Fact):
    """The other arm of a live version during a rollout: `weight` of 10,000 buckets get this document.

    Which: `ratchet.prompt.buckets`, by `salt` and the id of a `unit`. `signature` covers this and the sequence of the
    live version, whose document is the base: an SDK that does not know rollouts serves it to all.
    """

    rollout_id: UUID
    plan_digest: str
    weight: int
    salt: str
    unit: Literal["user", "session", "execution"]
    digest: str
    document: dict[str, object]
    examples: dict[str, tuple[dict[str, str], ...]]
    signature: Signature


class PromptLive(PromptEvent):
    """The version that is served for a prompt name in an environment. The highest `sequence` wins.

    `examples` holds the served example sets: slot → list of {"input": …, "output": …}. `rollout`: the candidate that a
    part of the traffic gets.
    """

    topic: ClassVar[str] = "prompt.live"

    target: str
    digest: str
    sequence: int
    document: dict[str, object]
    examples: dict[str, tuple[dict[str, str], ...]]
    reason: LiveReason
    authorisation: Authorisation
    signature: Signature
    occurred_at: AwareDatetime
    rollout: LiveArms | None = None


class LoopHalted(ProjectEvent):
    """Promotions were halted: nothing is promoted until a person resumes."""

    topic: ClassVar[str] = "loop.halted"

    revision: int
    by: str
    reason: str


class LoopResumed(ProjectEvent):
    topic: ClassVar[str] = "loop.resumed"

    revision: int
    by: str
    reason: str


class KeyChanged(ProjectEvent):
    """An API key was issued or revoked. Services keep a copy, which they verify by the signature.

    `secret_hash` is the hex SHA-256 of a secret of 256 random bits: it can't be inverted. From `expires_at` on the
    key is invalid; None: it is valid until it is revoked. Pages of `origins` may use the key from a browser.
    """

    topic: ClassVar[str] = "key.changed"

    key_id: str
    revision: int
    secret_hash: str
    subject: str
    subject_kind: SubjectKind
    scopes: tuple[Scope, ...]
    revoked: bool
    expires_at: AwareDatetime | None = None
    origins: tuple[str, ...] = ()
    signature: Signature

    @property
    def key(self) -> str:
        return f"{self.project}/{self.key_id}"
