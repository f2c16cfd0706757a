"""Redis client with short timeouts and no retries: Redis holds only data that can be rebuilt, and may be down."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

DEADLINE_S = 0.25


def redis_client(url: str) -> Redis:
    """Return a client that answers or fails within `DEADLINE_S` (the library's defaults wait 58 s)."""
    return Redis.from_url(
        url,
        socket_connect_timeout=DEADLINE_S,
        socket_timeout=DEADLINE_S,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
