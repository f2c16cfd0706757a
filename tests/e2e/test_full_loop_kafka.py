"""The full loop in the production setup, also with Redis dead or silent."""

import pytest

from tests.support.full_loop import StartSite, go_round


@pytest.mark.parametrize("redis", ["redis_url", "dead_redis", "silent_redis"])
def test_full_loop(start_site: StartSite, redis: str, request: pytest.FixtureRequest) -> None:
    go_round(start_site(RATCHET_REDIS_URL=request.getfixturevalue(redis)))
