"""Responses about prompts: what is live, what was observed, and the clients that get it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict

from shared.events.promotion import Authorisation, LiveReason, PromptLive, Signature
from shared.web.response_models import NEXT, DescribedResponse


class LivePromptView(PromptLive):
    """The signed version that is served under a name."""

    model_config = ConfigDict(extra="forbid")


class LiveArmsSummary(DescribedResponse):
    """The candidate of a rollout without its document: `weight` of 10,000 buckets get it."""

    rollout_id: UUID
    plan_digest: str
    weight: int
    salt: str
    unit: Literal["user", "session", "execution"]
    digest: str
    signature: Signature


class LiveVersionSummary(DescribedResponse):
    """A version that went live, without documents and examples."""

    project: str
    environment: str
    name: str
    target: str
    digest: str
    sequence: int
    reason: LiveReason
    authorisation: Authorisation
    signature: Signature
    occurred_at: datetime
    rollout: LiveArmsSummary | None


class LiveHereView(DescribedResponse):
    """What is live under a name."""

    target: str
    digest: str
    sequence: int
    reason: LiveReason
    by: str
    occurred_at: datetime


class LiveElsewhereView(LiveHereView):
    """What is live under a name in another environment."""

    environment: str


class ArchivalView(DescribedResponse):
    """Who archived a prompt, when and why."""

    by: str
    at: datetime
    reason: str


class ObservedView(DescribedResponse):
    """A digest that an app reported."""

    digest: str
    target: str
    first_seen: datetime
    content_known: bool
    reviewed: bool


class PromptView(DescribedResponse):
    """A name with what is live, here and elsewhere, and the digests that were observed, newest first."""

    name: str
    live: LiveHereView | None
    archived: ArchivalView | None
    elsewhere: list[LiveElsewhereView]
    observed: list[ObservedView]


class PromptPage(DescribedResponse):
    """A page of names."""

    items: list[PromptView]
    next: str | None = NEXT


class VersionAuthorisationView(Authorisation):
    """What made a version live, with its reason; "" if none was given."""

    model_config = ConfigDict(extra="forbid")

    reason: str


class PromotedVersionView(DescribedResponse):
    """A version that was live under a name."""

    sequence: int
    target: str
    digest: str
    base_digest: str | None
    reason: LiveReason
    authorisation: VersionAuthorisationView
    occurred_at: datetime
    document: dict[str, Any]


class PromotedVersionPage(DescribedResponse):
    """A page of versions, newest first. `previous`: the digest that a rollback leads to; null if there is none."""

    items: list[PromotedVersionView]
    next: str | None = NEXT
    previous: str | None


class KnownVersionView(DescribedResponse):
    """The document of a digest."""

    digest: str
    document: dict[str, Any]
    added_at: datetime


class ReviewView(DescribedResponse):
    """An observed digest that is reviewed: by whom first, and when."""

    name: str
    digest: str
    reviewed: Literal[True]
    by: str
    at: datetime


class ArchivedPromptView(DescribedResponse):
    """A prompt that is archived."""

    name: str
    archived: ArchivalView
