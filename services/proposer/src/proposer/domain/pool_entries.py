"""Candidates as selection sees them, and the limits of an example set."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proposer.domain.text_vectors import Vector


@dataclass(frozen=True, slots=True, eq=False)
class PoolEntry:
    """What selection needs of a candidate: no texts.

    `reviewed`: a person corrected the answer, or approved it as an example. `trusted`: a secret key sent the feedback,
    so that the question counts as one that users ask.
    """

    feedback_id: UUID
    input_key: str
    contributor: str | None
    quality: float
    needs_no_decision: bool
    reviewed: bool
    trusted: bool
    tokens: int
    received_at: datetime
    vector: Vector

    @property
    def order(self) -> tuple[bool, bool, float, datetime, UUID]:
        """Sort key within a set: reviewed examples first, then by rank (see `Candidate.rank`)."""
        rank = (not self.needs_no_decision, -self.quality, self.received_at, self.feedback_id)
        return (not self.reviewed, *rank)


@dataclass(frozen=True, slots=True)
class SetLimits:
    """Limits of an example set. `near_duplicate` is the smallest cosine of two inputs that count as the same."""

    max_examples: int = 5
    max_tokens: int = 2_000
    near_duplicate: float = 0.9

    @property
    def reviewed_places(self) -> int:
        """Places for reviewed examples, where there are such: at least half."""
        return math.ceil(self.max_examples / 2)


def obstacles(entry: PoolEntry, members: Sequence[PoolEntry], limits: SetLimits) -> list[PoolEntry]:
    """Return the members beside which `entry` may not be in a set; all of them if it exceeds the token budget."""
    if entry.tokens + sum(member.tokens for member in members) > limits.max_tokens:
        return list(members) or [entry]
    return [
        member
        for member in members
        if member.contributor == entry.contributor
        or member.input_key == entry.input_key
        or float(member.vector @ entry.vector) >= limits.near_duplicate
    ]
