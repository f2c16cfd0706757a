"""Token buckets for rate limits, formatted like draft-ietf-httpapi-ratelimit-headers (pure).

Time is an argument, in seconds of a monotonic clock.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

_SWEEP_S = 1.0


@dataclass(frozen=True, slots=True)
class RateLimitPolicy:
    """At most `quota` requests in `window` seconds, which is also the largest burst; a quota of 0 is no limit."""

    name: str
    quota: int
    window: float

    def __str__(self) -> str:
        return f'"{self.name}";q={self.quota};w={self.window:g}'


class Admission(NamedTuple):
    """Whether a request is allowed. `remaining`: requests that may follow at once; `reset`: seconds until the bucket is
    full, or for a refused request until the next one is allowed."""

    policy: RateLimitPolicy
    allowed: bool
    remaining: int
    reset: int

    def __str__(self) -> str:
        return f'"{self.policy.name}";r={self.remaining};t={self.reset}'


class TokenBuckets:
    """One bucket per partition, such as an API key. Full buckets use no memory.

    A bucket is a single number: the time at which it is full again (the generic cell rate algorithm).
    """

    def __init__(self, policy: RateLimitPolicy, max_buckets: int = 100_000) -> None:
        """`max_buckets`: buckets that are kept; beyond it, the oldest are dropped, which makes them full."""
        self.policy = policy
        self._max_buckets = max_buckets
        self._cost = policy.window / policy.quota if policy.quota else 0.0
        self._full_at: dict[str, float] = {}
        self._swept = -math.inf

    def __len__(self) -> int:
        return len(self._full_at)

    def consume(self, partition: str, now: float) -> Admission:
        """Remove a token from the bucket of `partition`, if it has one, and return whether it had."""
        policy = self.policy
        if not policy.quota:
            return Admission(policy, True, 0, 0)
        full_at = self._full_at.get(partition, now)
        used = (full_at - now if full_at > now else 0.0) + self._cost
        if used > policy.window + 1e-6 * self._cost:
            return Admission(policy, False, 0, math.ceil(used - policy.window))
        if partition not in self._full_at and len(self._full_at) >= self._max_buckets:
            self._sweep(now)
        self._full_at[partition] = now + used
        return Admission(policy, True, int((policy.window - used) / self._cost + 1e-6), math.ceil(used))

    def _sweep(self, now: float) -> None:
        """Drop full buckets, at most once a second; if that is not enough, drop the oldest tenth."""
        if now - self._swept >= _SWEEP_S:
            self._swept = now
            self._full_at = {partition: full_at for partition, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= self._max_buckets:
            for partition in list(self._full_at)[: self._max_buckets // 10 + 1]:
                del self._full_at[partition]
