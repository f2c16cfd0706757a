"""Rate limits by key and by address: exact, independent of each other, and stated in standard header fields."""

import contextlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from starlette.responses import PlainTextResponse

from shared.auth.principal import Principal
from shared.problems import Problem
from shared.runtime.prometheus_metrics import Metrics
from shared.runtime.settings import ProcessSettings
from shared.web.client_address import ClientAddresses
from shared.web.rate_limiter import RateLimited, RateLimiter, RateLimitPolicy, TokenBuckets, is_exempt
from tests.support.soak import scaled

SCOPE = {"client": ("198.51.100.7", 1)}


class Settings(ProcessSettings):
    service = "test"


def principal(key_id: str, *scopes: str) -> Principal:
    return Principal(key_id, "app", "service", "shop", "production", frozenset(scopes or ("ingest",)))


def limiter(now: Callable[[], float] = lambda: 0.0, **settings: Any) -> RateLimiter:
    return RateLimiter(Settings(kafka_bootstrap="127.0.0.1:1", **settings), now)


@given(st.integers(1, 50), st.floats(0.1, 100), st.lists(st.floats(0, 5), max_size=200))
def test_no_interval_exceeds_the_quota(quota: int, window: float, pauses: list[float]) -> None:
    buckets, now = TokenBuckets(RateLimitPolicy("key", quota, window)), 1e6
    taken: list[float] = []
    for pause in pauses:
        now += pause
        if buckets.consume("a", now).allowed:
            taken.append(now)
    for index, start in enumerate(taken):
        assert all(
            count + 1 <= quota + (moment - start) * quota / window + 0.01 for count, moment in enumerate(taken[index:])
        )


@given(st.integers(1, 20), st.integers(0, 60))
def test_remaining_quota_may_be_used_at_once(quota: int, asked: int) -> None:
    buckets = TokenBuckets(RateLimitPolicy("key", quota, 10.0))
    answers = [buckets.consume("a", 5.0) for _ in range(asked)]
    assert [answer.allowed for answer in answers] == [number < quota for number in range(asked)]
    assert [answer.remaining for answer in answers if answer.allowed] == list(range(quota - 1, -1, -1))[:asked]


def test_key_over_its_limit_does_not_affect_another_key() -> None:
    """Reliability row H6: 60 s of 10,000 requests/s where 1,000 are allowed, while another key sends 100/s."""
    buckets, admitted, neighbour = TokenBuckets(RateLimitPolicy("key", 10_000, 10.0)), 0, 0
    seconds = scaled(60, 60, unit=12)
    for tick in range(10_000 * seconds):
        admitted += buckets.consume("tenant", tick / 10_000).allowed
        if tick % 100 == 0:
            neighbour += buckets.consume("neighbour", tick / 10_000).allowed
    assert admitted == pytest.approx(10_000 + seconds * 1_000, rel=0.001)
    assert neighbour == seconds * 100


def test_rejected_requests_use_no_quota_and_state_the_wait() -> None:
    buckets = TokenBuckets(RateLimitPolicy("key", 2, 10.0))
    assert [buckets.consume("a", 0.0).allowed for _ in range(5)] == [True, True, False, False, False]
    wait = buckets.consume("a", 0.0).reset
    assert wait == 5
    assert buckets.consume("a", float(wait)).allowed


def test_buckets_are_bounded_and_full_ones_are_evicted_first() -> None:
    buckets = TokenBuckets(RateLimitPolicy("address", 1, 10.0), max_buckets=100)
    assert buckets.consume("held", 9.0).allowed
    for number in range(1_000):
        buckets.consume(str(number), 0.0 if number < 90 else 15.0)
        assert len(buckets) <= 100
    assert not TokenBuckets(RateLimitPolicy("key", 1, 10.0)).consume("a", 0.0).remaining


def test_key_has_its_quota_and_unknown_keys_share_that_of_their_address() -> None:
    limit = limiter(rate_limit_key=3, rate_limit_address=2)
    for state in ('"key";r=2;t=4', '"key";r=1;t=7', '"key";r=0;t=10'):
        fields = limit.admit(principal("a"), SCOPE, None)
        assert fields == {"RateLimit-Policy": '"key";q=3;w=10', "RateLimit": state}
    with pytest.raises(Problem) as caught:
        limit.admit(principal("a"), SCOPE, None)
    problem = caught.value
    assert (problem.status, problem.code, problem.headers["Retry-After"]) == (429, "quota-exceeded", "4")
    assert problem.headers["RateLimit"] == '"key";r=0;t=4'
    assert limit.admit(principal("b"), SCOPE, None)["RateLimit-Policy"] == '"key";q=3;w=10'
    for _ in range(2):
        assert limit.admit(None, SCOPE, None)["RateLimit-Policy"] == '"address";q=2;w=10'
    with pytest.raises(Problem):
        limit.admit(None, SCOPE, None)
    assert limit.admit(principal("b"), SCOPE, None)
    assert limit.admit(None, {"client": ("198.51.100.8", 1)}, None)


def test_one_address_cannot_exhaust_a_public_key() -> None:
    limit, public = limiter(rate_limit_key=100, rate_limit_address=2), principal("web", "browser-ingest")
    for _ in range(2):
        assert limit.admit(public, SCOPE, None)["RateLimit"].startswith('"address";r=')
    with pytest.raises(Problem) as caught:
        limit.admit(public, SCOPE, None)
    assert "address" in str(caught.value.detail)
    assert limit.admit(public, {"client": ("198.51.100.8", 1)}, None)["RateLimit"].endswith('"key";r=97;t=1')


def test_zero_means_unlimited() -> None:
    limit = limiter(rate_limit_key=0, rate_limit_address=0)
    assert [limit.admit(who, SCOPE, None) for who in (None, principal("a"))] == [{}, {}]


@pytest.mark.parametrize(
    ("client", "forwarded", "found"),
    [
        ("198.51.100.7", None, "198.51.100.7"),
        ("198.51.100.7", "1.2.3.4", "198.51.100.7"),
        ("127.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", "6.6.6.6, 1.2.3.4, 10.1.2.3", "1.2.3.4"),
        ("10.9.9.9", "evil, 1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", "evil", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "1.2.3.4, evil", "127.0.0.1"),
        ("127.0.0.1", "10.0.0.5", "10.0.0.5"),
        ("::ffff:127.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", None, "2001:db8:1:2::/64"),
        (None, "1.2.3.4", "unknown"),
    ],
)
def test_address_is_taken_from_a_trusted_proxy(client: str | None, forwarded: str | None, found: str) -> None:
    addresses = ClientAddresses("127.0.0.1, ::1,10.0.0.0/8")
    header = None if forwarded is None else forwarded.encode()
    for _ in range(2):
        assert addresses.resolve({"client": client and (client, 1)}, header) == found


@pytest.mark.parametrize(
    ("method", "path", "exempt"),
    [
        ("GET", "/health/ready", True),
        ("GET", "/metrics", True),
        ("POST", "/v1/halt", True),
        ("POST", "/v1/prompts/a/b/rollback", True),
        ("GET", "/v1/prompts/rollback", False),
        ("POST", "/v1/resume", False),
        ("POST", "/v1/feedback", False),
    ],
)
def test_kill_switch_and_health_are_never_limited(method: str, path: str, exempt: bool) -> None:
    assert is_exempt(method, path) == exempt


async def test_responses_state_the_limits() -> None:
    app = RateLimited(PlainTextResponse("fine"), limiter(rate_limit_address=1))
    transport = httpx.ASGITransport(app=app, client=("198.51.100.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        first, second, halt = await client.get("/"), await client.get("/"), await client.post("/v1/halt")
    assert (first.status_code, first.headers["ratelimit"]) == (200, '"address";r=0;t=10')
    assert (second.status_code, second.headers["content-type"]) == (429, "application/problem+json")
    assert (second.json()["code"], second.headers["retry-after"]) == ("quota-exceeded", "10")
    assert halt.status_code == 200


def test_rejections_are_counted_by_quota() -> None:
    metrics = Metrics("test")
    settings = Settings(kafka_bootstrap="127.0.0.1:1", rate_limit_key=1, rate_limit_address=2)
    limit = RateLimiter(settings, lambda: 0.0, metrics.refused)
    for who in (principal("a"), principal("a"), principal("a"), None, None, None):
        with contextlib.suppress(Problem):
            limit.admit(who, SCOPE, None)
    exposed = generate_latest(metrics.registry).decode()
    assert 'ratchet_requests_refused_total{quota="key"} 2.0' in exposed
    assert 'ratchet_requests_refused_total{quota="address"} 1.0' in exposed
