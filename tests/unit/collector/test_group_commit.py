"""Group commit: groups are formed, an invalid item fails alone, and a full queue rejects."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ingest.group_commit import GroupCommitter, Queue, QueueFull, Submission, write_all
from shared.errors import Retryable


class RecordingWriter:
    """Stores groups of numbers; rejects groups that contain an invalid one; waits for `go` where blocked."""

    def __init__(self, bad: frozenset[int] = frozenset()) -> None:
        self.bad = bad
        self.groups: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.unavailable = False

    async def write(self, items: Sequence[int]) -> list[str]:
        await self.go.wait()
        if self.unavailable:
            raise Retryable("away")
        if self.bad.intersection(items):
            raise ValueError("bad")
        self.groups.append(list(items))
        return [f"kept {item}" for item in items]


@contextlib.asynccontextmanager
async def running(committer: "GroupCommitter[int, str]") -> AsyncIterator[None]:
    task = asyncio.create_task(committer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_items_during_a_commit_share_the_next_one() -> None:
    written = RecordingWriter()
    written.go.clear()
    committer = GroupCommitter(written.write)
    async with running(committer):
        first = committer.submit([1], 1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        rest = [committer.submit([number], 1) for number in range(2, 10)]
        written.go.set()
        assert await first == ["kept 1"]
        assert await asyncio.gather(*rest) == [[f"kept {number}"] for number in range(2, 10)]
    assert written.groups == [[1], list(range(2, 10))]


@pytest.mark.parametrize("options", [{"concurrent_from": 1, "patience": 1e6}, {"patience": 0.001}])
async def test_second_writer_commits_while_one_waits(options: dict[str, Any]) -> None:
    slow, quick = RecordingWriter(), RecordingWriter()
    slow.go.clear()
    committer = GroupCommitter(slow.write, quick.write, **options)
    async with running(committer):
        first = committer.submit([1], 1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await committer.submit([2], 1) == ["kept 2"]
        assert not first.done()
        slow.go.set()
        assert await first == ["kept 1"]
    assert (slow.groups, quick.groups) == ([[1]], [[2]])


async def test_an_item_that_is_alone_waits_for_nothing() -> None:
    written = RecordingWriter()
    committer = GroupCommitter(written.write, written.write, concurrent_from=1_000, patience=1e6)
    async with running(committer):
        for number in range(3):
            assert await committer.submit([number], 1) == [f"kept {number}"]
    assert written.groups == [[0], [1], [2]]


async def test_few_items_share_the_next_commit_of_the_writer_that_is_busy() -> None:
    first, second = RecordingWriter(), RecordingWriter()
    first.go.clear()
    committer = GroupCommitter(first.write, second.write, concurrent_from=4, patience=1e6)
    async with running(committer):
        results = [committer.submit([1], 1)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for number in range(2, 5):
            results.append(committer.submit([number], 1))
            await asyncio.sleep(0)
        first.go.set()
        assert len(await asyncio.gather(*results)) == 4
    assert (first.groups, second.groups) == ([[1], [2, 3, 4]], [])


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_every_item_is_written_once_however_writers_take_turns(steps: list[int], concurrent_from: int) -> None:
    async def scenario() -> None:
        writers = [RecordingWriter(), RecordingWriter()]
        committer = GroupCommitter(
            *(writer.write for writer in writers), concurrent_from=concurrent_from, patience=0.001
        )
        results = []
        async with running(committer):
            for number, step in enumerate(steps):
                writers[step % 2].go.set() if step < 2 else writers[step % 2].go.clear()
                results.append(committer.submit([number], 1))
                await asyncio.sleep(0)
            for writer in writers:
                writer.go.set()
            answers = await asyncio.gather(*results)
        assert answers == [[f"kept {number}"] for number in range(len(steps))]
        assert sorted(item for writer in writers for group in writer.groups for item in group) == [*range(len(steps))]

    asyncio.run(scenario())


async def test_a_disconnected_client_does_not_affect_others() -> None:
    committer = GroupCommitter(RecordingWriter().write)
    gone, here = committer.submit([1], 1), committer.submit([2], 1)
    gone.cancel()
    async with running(committer):
        assert await here == ["kept 2"]


async def test_full_queue_rejects_items() -> None:
    committer = GroupCommitter(RecordingWriter().write, max_items=3, max_weight=100)
    committer.submit([1, 2], 50)
    with pytest.raises(QueueFull):
        committer.submit([3, 4], 1)
    with pytest.raises(QueueFull):
        committer.submit([3], 51)
    committer.submit([3], 50)


@given(st.lists(st.integers(0, 40), unique=True, min_size=1), st.frozensets(st.integers(0, 40), max_size=4))
def test_invalid_item_fails_alone(items: list[int], bad: frozenset[int]) -> None:
    async def scenario() -> None:
        written = RecordingWriter(bad)
        results = await write_all(written.write, items)
        assert [isinstance(result, ValueError) for result in results] == [item in bad for item in items]
        assert sorted(item for group in written.groups for item in group) == sorted(set(items) - bad)

    asyncio.run(scenario())


async def test_groups_are_not_halved_while_the_database_is_unavailable() -> None:
    written = RecordingWriter()
    written.unavailable = True
    results = await write_all(written.write, [1, 2, 3])
    assert all(isinstance(result, Retryable) for result in results)


@given(st.lists(st.integers(1, 5), max_size=20), st.integers(1, 8))
def test_queue_returns_everything_in_order_within_its_limit(sizes: list[int], limit: int) -> None:
    queue: Queue[int, str] = Queue(1000, 1000)
    for size in sizes:
        queue.put(Submission(list(range(size)), size, lambda _: None))
    sizes_in_order = []
    while group := queue.pop_group(limit):
        assert len(group) == 1 or sum(len(ticket.items) for ticket in group) <= limit
        sizes_in_order += [len(ticket.items) for ticket in group]
    assert sizes_in_order == sizes
    assert (queue.items, queue.weight) == (0, 0)
