"""One key that sends ten times its quota is refused; the key of its neighbour is not."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from shared.web.rate_limiter import WINDOW_S

QUOTA = 20
THUMB = {"execution_id": "e1", "kind": "thumb", "value": False}


async def test_ten_times_the_quota_of_one_key_refuses_no_other_key(
    collector: Any, instance: Callable[..., Any], add_key: Callable[..., str]
) -> None:
    neighbour = {"Authorization": f"Bearer {add_key(collector.dsn, 'neighbour', 'ingest')}"}
    async with instance(collector.dsn, collector.clock, rate_limit_key=QUOTA) as limited:
        limited.keys = collector.keys
        for authorization in ({}, neighbour):  # a key's first request, before it is cached, counts for its address
            assert (await limited.post("feedback", THUMB, **authorization)).status_code == 200

        async def overload() -> list[Any]:
            return await asyncio.gather(*(limited.post("feedback", THUMB) for _ in range(10 * QUOTA)))

        async def keep_within_quota() -> list[Any]:
            return [await limited.post("feedback", {**THUMB, "user": f"u{n}"}, **neighbour) for n in range(QUOTA)]

        began = time.monotonic()
        refused, allowed = await asyncio.gather(overload(), keep_within_quota())
        refilled = QUOTA / WINDOW_S * (time.monotonic() - began)
    statuses = Counter(answer.status_code for answer in refused)
    assert statuses.keys() == {200, 429}
    assert QUOTA <= statuses[200] <= QUOTA + refilled + 1, "the bucket refills while the requests are sent"
    for answer in refused:
        if answer.status_code == 429:
            assert (answer.json()["code"], int(answer.headers["retry-after"]) >= 1) == ("quota-exceeded", True)
            assert answer.headers["ratelimit"].startswith('"key";r=0;t=')
    assert [answer.status_code for answer in allowed] == [200] * QUOTA
