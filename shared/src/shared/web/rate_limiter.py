"""Rate limits of every service's HTTP app: by API key and by client address.

They are token buckets, formatted like draft-ietf-httpapi-ratelimit-headers. Their time is an argument, in seconds of a
monotonic clock.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.auth.keys import KeyStore
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.runtime.settings import ProcessSettings
from shared.web.client_address import ClientAddresses
from shared.web.error_handlers import problem_response

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


WINDOW_S = 10.0

_EXEMPT = ("/health/", "/metrics")
_EMERGENCY = ("/v1/halt", "/rollback")
"""Kill switch and rollback are never limited: an emergency must not wait for a quota."""


class RateLimiter:
    """Quotas per API key, and per client address for requests without a known key; each instance has its own.

    A key for browsers is public, so its requests count against their address as well: a single visitor cannot use up
    the key's quota. `refused` counts refusals by the name of the quota.
    """

    def __init__(
        self,
        settings: ProcessSettings,
        monotonic: Callable[[], float] = time.monotonic,
        refused: Counter | None = None,
    ) -> None:
        self._keys = TokenBuckets(RateLimitPolicy("key", settings.rate_limit_key, WINDOW_S))
        self._key_policy = str(self._keys.policy) if settings.rate_limit_key else ""
        self._addresses = TokenBuckets(RateLimitPolicy("address", settings.rate_limit_address, WINDOW_S))
        self._clients = ClientAddresses(settings.trusted_proxies)
        self._monotonic = monotonic
        self._refused = refused

    def admit(self, principal: Principal | None, scope: Mapping[str, Any], forwarded: bytes | None) -> dict[str, str]:
        """Return the rate-limit header fields of the response. Raises Problem 429 if a quota is exceeded.

        `principal` is that of the request's key; None if the key is unknown. `forwarded` is the header X-Forwarded-For.
        """
        now = self._monotonic()
        if (
            principal is not None and "browser-ingest" not in principal.scopes
        ):  # fast path of nearly all requests: builds no list
            admission = self._keys.consume(principal.key_id, now)
            if admission.allowed:
                policy = self._key_policy
                return {"RateLimit-Policy": policy, "RateLimit": str(admission)} if policy else {}
            raise self._refuse(admission)
        found = [self._addresses.consume(self._clients.resolve(scope, forwarded), now)]
        if principal is not None and found[0].allowed:
            found.append(self._keys.consume(principal.key_id, now))
        for admission in found:
            if not admission.allowed:
                raise self._refuse(admission)
        return _fields([admission for admission in found if admission.policy.quota])

    def _refuse(self, admission: Admission) -> Problem:
        if self._refused is not None:
            self._refused.labels(admission.policy.name).inc()
        return quota_exceeded(admission)


def _fields(admissions: list[Admission]) -> dict[str, str]:
    if not admissions:
        return {}
    return {
        "RateLimit-Policy": ", ".join(str(admission.policy) for admission in admissions),
        "RateLimit": ", ".join(map(str, admissions)),
    }


def quota_exceeded(admission: Admission) -> Problem:
    """Return the Problem 429 of a request that exceeds its quota."""
    policy, wait = admission.policy, str(max(1, admission.reset))
    detail = f"at most {policy.quota} requests per {policy.name} in {policy.window:g} s; retry after {wait} s"
    headers = {**_fields([admission]), "Retry-After": wait}
    return Problem(429, "quota-exceeded", "Too many requests", detail, headers=headers)


def is_exempt(method: str, path: str) -> bool:
    """Return whether a request is never limited."""
    return path.startswith(_EXEMPT) or (method == "POST" and path.endswith(_EMERGENCY))


def admit_request(limiter: RateLimiter, keys: KeyStore | None, scope: Scope) -> dict[str, str]:
    """Return the rate-limit header fields of the response to a request. Raises Problem 429.

    They belong to every response, also to a refusal: whoever is refused has used up a part of the quota.
    """
    headers = dict(scope["headers"])
    key = headers.get(b"authorization")
    known = None if key is None or keys is None else keys.last_known(key.decode("latin-1"))
    return limiter.admit(known, scope, headers.get(b"x-forwarded-for"))


class RateLimited:
    """ASGI middleware that refuses requests beyond their quota before anything else handles them."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter, keys: KeyStore | None = None) -> None:
        self._app = app
        self._limiter = limiter
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_exempt(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            fields = admit_request(self._limiter, self._keys, scope)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)
            return
        encoded = [(name.lower().encode(), value.encode()) for name, value in fields.items()]

        async def send_with_fields(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *encoded]
            await send(message)

        await self._app(scope, receive, send_with_fields)
