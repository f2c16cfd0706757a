"""Instructions are counted by module, the same on every run; benchmarks themselves count nothing."""

import asyncio
import json

from benchmarks.python_instructions import count_instructions
from benchmarks.table import format_seconds


async def _encode(times: int) -> None:
    await asyncio.sleep(0)
    for _ in range(times):
        json.JSONEncoder().encode({})


def _counted(times: int) -> dict[str, int]:
    with count_instructions() as found:
        asyncio.run(_encode(times))
        format_seconds(1.0, "")
    return {module: found[module] for module in ("json.encoder", "benchmarks.table")}


def test_what_runs_in_the_event_loop_is_counted_by_module() -> None:
    once, again, twice = _counted(1), _counted(1), _counted(2)
    assert once == again
    assert twice["json.encoder"] == 2 * once["json.encoder"] > 0
    assert once["benchmarks.table"] == 0
