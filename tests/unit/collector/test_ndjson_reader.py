"""Lines of a body of any length are read in groups; too long ones are skipped, and nothing is read ahead."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api.ndjson_reader import BulkLimits, Line, LineSplitter, read_groups
from collector.api.request import ClientDisconnected
from shared.problems import Problem

LIMITS = BulkLimits(body=10_000_000, line=1_000, seconds=1.0)


def receiver(chunks: Iterator[bytes]) -> Callable[[], Any]:
    """Return the ASGI `receive` of a body; the chunks are made when they are read."""

    async def receive() -> MutableMapping[str, Any]:
        chunk = next(chunks, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    return receive


def read(chunks: list[bytes], limits: BulkLimits = LIMITS, *, compressed: bool = False) -> list[Line]:
    async def read_all() -> list[Line]:
        groups = read_groups(receiver(iter(chunks)), limits, gzip=compressed)
        return [line async for group in groups for line in group]

    return asyncio.run(read_all())


@given(st.lists(st.binary(max_size=9)), st.integers(1, 7))
def test_lines_do_not_depend_on_chunks(parts: list[bytes], size: int) -> None:
    body = b"\n".join(parts)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    splitter, whole = LineSplitter(5), LineSplitter(5)
    found = [line for chunk in chunks for line in splitter.feed(chunk)] + list(splitter.finish())
    assert found == [*whole.feed(body), *whole.finish()]
    wanted = {
        number: None if len(part) > 5 else part.strip(b" \t\r")
        for number, part in enumerate(body.split(b"\n"), 1)
        if len(part) > 5 or part.strip(b" \t\r")
    }
    assert {line.number: line.content for line in found} == wanted


def test_a_line_that_is_too_long_is_skipped() -> None:
    assert read([b"1\n" + b"x" * 999, b"xx\n3"]) == [Line(1, b"1"), Line(2, None), Line(3, b"3")]


def test_compressed_bodies() -> None:
    body = b"\n".join(b"%d" % number for number in range(9_000))
    packed = gzip.compress(body)
    assert len(read([packed[:99], packed[99:]], compressed=True)) == 9_000
    for broken in (packed[:-5], packed + b"x", b"x" + packed):
        with pytest.raises(Problem) as refused:
            read([broken], compressed=True)
        assert refused.value.status == 400


def test_a_bomb_is_refused_within_little_memory() -> None:
    bomb = gzip.compress(b"x" * 100_000_000, compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as refused:
            read([bomb], compressed=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 40_000_000


def test_blank_lines_are_limited() -> None:
    with pytest.raises(Problem) as refused:
        read([b"\n" * 1_000_000])
    assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "body")


def test_limits_of_size_and_time() -> None:
    with pytest.raises(Problem) as large:
        read([b"1\n" * 600] * 2, LIMITS._replace(body=2_000))
    assert large.value.status == 413

    async def silent() -> Any:
        await asyncio.sleep(60)

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def first(receive: Callable[[], Any]) -> None:
        async for _ in read_groups(receive, LIMITS._replace(seconds=0.01), gzip=False):
            pass

    with pytest.raises(Problem) as slow:
        asyncio.run(first(silent))
    assert slow.value.status == 408
    with pytest.raises(ClientDisconnected):
        asyncio.run(first(gone))


def test_nothing_is_read_ahead() -> None:
    made = 0

    def chunks() -> Iterator[bytes]:
        nonlocal made
        for made in range(1, 101):  # noqa: B007
            yield b"1\n" * 100

    async def check() -> None:
        taken = 0
        async for group in read_groups(receiver(chunks()), LIMITS, gzip=False):
            taken += len(group)
            assert made * 100 <= taken + 100

    asyncio.run(check())
    assert made == 100
