"""Exports in Parquet: the same as JSON lines, while they are made, and never complete by mistake."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

import httpx
import pytest

from collector.domain.parquet_types import ColumnType
from collector.storage.parquet import conversion
from collector.storage.parquet.conversion import ConversionFailed, ParquetConversions
from tests.integration.collector.test_execution_log import EXECUTION
from tests.support.logged import deliver
from tests.support.parquet import read_rows

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

TYPES: dict[str, ColumnType] = {"id": "integer", "text": "text"}


async def test_export_has_what_json_lines_have(collector: "Running", reader: httpx.AsyncClient) -> None:
    await collector.post("executions", EXECUTION)
    await collector.post("executions", {"id": "e2", "target": "answers"})
    await collector.post("feedback", {"execution_id": "e1", "kind": "thumb", "value": False, "comment": "rude"})
    await collector.post("feedback", {"execution_id": "e1", "kind": "preference", "value": {"rejected": "43"}})
    await deliver(collector)
    answer = await reader.get("/v1/executions/export?format=parquet")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.headers["content-disposition"] == 'attachment; filename="executions.parquet"'
    lines = (await reader.get("/v1/executions/export")).text.splitlines()
    rows = read_rows(answer.content)
    assert len(rows) == 2
    assert rows == [json.loads(line) for line in lines]
    assert (await reader.get("/v1/executions/export?format=parquet&target=none")).content[:4] == b"PAR1"


async def test_without_pyarrow_the_extra_is_named(
    collector: "Running", reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ParquetConversions, "is_available", staticmethod(lambda: False))
    answer = await reader.get("/v1/executions/export?format=parquet")
    assert (answer.status_code, answer.json()["code"]) == (422, "format-unavailable")
    assert "ratchet-collector[parquet]" in answer.json()["detail"]


async def rows(count: int, size: int = 0) -> AsyncGenerator[bytes, None]:
    for number in range(count):
        yield json.dumps({"id": number, "text": "x" * size}).encode() + b"\n"


async def test_row_groups_are_sent_while_lines_still_come() -> None:
    """The last line comes only after the first row group was received."""
    received = asyncio.Event()

    async def lines() -> AsyncGenerator[bytes, None]:
        async for line in rows(10_000, 1_000):
            yield line
        await received.wait()
        yield b'{"id": 10000}\n'

    content = b""
    async with aclosing(ParquetConversions().convert(lines(), TYPES)) as chunks:
        async for chunk in chunks:
            content += chunk
            if len(content) > 4:
                received.set()
    assert [row["id"] for row in read_rows(content)] == list(range(10_001))


async def test_failing_lines_leave_no_complete_file() -> None:
    async def lines() -> AsyncGenerator[bytes, None]:
        async for line in rows(6_000):
            yield line
        raise ValueError("the database is gone")

    content = bytearray()

    async def receive() -> None:
        async for chunk in ParquetConversions().convert(lines(), TYPES):
            content.extend(chunk)

    with pytest.raises(ValueError, match="the database is gone"):
        await receive()
    assert content[-4:] != b"PAR1" or len(content) == 4


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import sys; sys.stdin.buffer.read(); raise SystemExit(3)"])
async def test_process_that_ends_early_is_an_error(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(conversion, "_CODE", code)
    with pytest.raises(ConversionFailed):
        async for _ in ParquetConversions().convert(rows(200_000 if "read" not in code else 1), TYPES):
            pass


async def test_reader_that_leaves_ends_the_process_and_frees_its_place() -> None:
    conversions = ParquetConversions(size=1)
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                async for line in rows(1_000, 1_000):
                    yield line
        finally:
            closed.set()

    async with aclosing(conversions.convert(endless(), TYPES)) as chunks:
        await anext(chunks)
    assert closed.is_set()
    found = b"".join([chunk async for chunk in conversions.convert(rows(3), TYPES)])
    assert len(read_rows(found)) == 3
