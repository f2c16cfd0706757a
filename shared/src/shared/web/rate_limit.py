"""Rate limits: token buckets, and how draft-ietf-httpapi-ratelimit-headers writes them.

Pure: time is an argument, in seconds of any clock that does not go back.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

_SWEEP_S = 1.0


@dataclass(frozen=True, slots=True)
class RateLimitPolicy:
    """At most `quota` requests in `window` seconds, and as many at once; 0 is no limit."""

    name: str
    quota: int
    window: float

    def __str__(self) -> str:
        return f'"{self.name}";q={self.quota};w={self.window:g}'


class Admission(NamedTuple):
    """Whether a request may go on; `remaining` requests may follow at once, `reset` seconds until all may (or,
    where it may not, until the next one may)."""

    policy: RateLimitPolicy
    allowed: bool
    remaining: int
    reset: int

    def __str__(self) -> str:
        return f'"{self.policy.name}";r={self.remaining};t={self.reset}'


class TokenBuckets:
    """One bucket for each partition, such as an API key. A full bucket takes no memory.

    A bucket is one number: when it will be full again (the generic cell rate algorithm).
    """

    def __init__(self, policy: RateLimitPolicy, most: int = 100_000) -> None:
        """`most`: buckets that are kept; past it the oldest are forgotten, which makes them full."""
        self.policy = policy
        self._most = most
        self._cost = policy.window / policy.quota if policy.quota else 0.0
        self._full_at: dict[str, float] = {}
        self._swept = -math.inf

    def __len__(self) -> int:
        return len(self._full_at)

    def consume(self, partition: str, now: float) -> Admission:
        """Take a token out of the bucket of `partition`; a request that finds none costs nothing."""
        policy = self.policy
        if not policy.quota:
            return Admission(policy, True, 0, 0)
        full_at = self._full_at.get(partition, now)
        used = (full_at - now if full_at > now else 0.0) + self._cost
        if used > policy.window + 1e-6 * self._cost:
            return Admission(policy, False, 0, math.ceil(used - policy.window))
        if partition not in self._full_at and len(self._full_at) >= self._most:
            self._sweep(now)
        self._full_at[partition] = now + used
        return Admission(policy, True, int((policy.window - used) / self._cost + 1e-6), math.ceil(used))

    def _sweep(self, now: float) -> None:
        """Forget the full buckets, at most once a second; where that is not enough, the oldest tenth."""
        if now - self._swept >= _SWEEP_S:
            self._swept = now
            self._full_at = {partition: full_at for partition, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= self._most:
            for partition in list(self._full_at)[: self._most // 10 + 1]:
                del self._full_at[partition]
