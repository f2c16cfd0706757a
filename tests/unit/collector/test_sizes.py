"""Large bodies are rejected before they are scrubbed, or parsed in a thread."""

import asyncio
import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from collector.domain import validation as reading
from collector.domain.ingestion import ItemResult
from collector.domain.model import Origin
from collector.domain.request_context import PseudonymKey, RequestContext
from collector.domain.validation import parse_request
from collector.ingest import service as ingest_service
from collector.ingest.service import MAX_INLINE_BYTES, IngestService
from shared.problems import Problem
from shared.testing.clock import FakeClock

pytestmark = pytest.mark.usefixtures("both_ways")

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONTEXT = RequestContext("key", Origin("shop", "production", NOW), PseudonymKey("k1", b"s" * 32))


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"output": "4 1 " * 200_000}, 413, "body"),
        ({"contexts": ["4 1 " * 2_500] * 100}, 413, "body"),
        ({"attributes": {"a": "4" * 20_001}}, 422, "attributes.a"),
        ({"parameters": {"a": "4" * 20_001}}, 422, "parameters.a"),
    ],
)
def test_sizes_are_checked_before_anything_is_scrubbed(
    fields: dict[str, Any], status: int, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "scrub", lambda text: pytest.fail("scrubbed"))
    with pytest.raises(Problem) as caught:
        parse_request("executions", json.dumps({"target": "t", **fields}).encode(), CONTEXT)
    assert (caught.value.status, caught.value.errors[0]["field"]) == (status, field)


def test_long_comment_is_rejected_before_it_is_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "scrub", lambda text: pytest.fail("scrubbed"))
    comment = {"execution_id": "e", "kind": "comment", "value": "4 1 " * 5_001}
    found = parse_request("feedback", json.dumps([comment] * 50).encode(), CONTEXT)
    assert isinstance(found, list)
    assert all(isinstance(item, Problem) for item in found)


class ImmediateCommitter:
    """A committer that stores everything immediately."""

    def submit(self, items: Sequence[object], _: int) -> "asyncio.Future[list[str]]":
        done: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        done.set_result(["accepted"] * len(items))
        return done


@pytest.mark.parametrize(
    ("size", "on_the_loop"), [(MAX_INLINE_BYTES - 1_000, True), (MAX_INLINE_BYTES + 1_000, False), (700_000, False)]
)
async def test_large_contents_are_parsed_in_a_thread(
    size: int, on_the_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def record_thread(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return parse_request(*arguments)

    monkeypatch.setattr(ingest_service, "parse_request", record_thread)
    service = IngestService(cast(Any, ImmediateCommitter()), cast(Any, None), FakeClock(NOW))
    content = json.dumps({"target": "t", "output": "x" * size}).encode()
    result = await service.ingest("executions", content, CONTEXT)
    assert isinstance(result, ItemResult)
    assert result.outcome == "accepted"
    assert (threads == [threading.current_thread()]) == on_the_loop
