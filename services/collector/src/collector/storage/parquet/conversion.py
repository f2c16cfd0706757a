"""Converts streams of JSON lines to Parquet while they come, by processes that end with them (`converter`)."""

import asyncio
import contextlib
import importlib.util
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping

from collector.domain.parquet_types import ColumnType

_CHUNK = 65_536
_CODE = "from collector.storage.parquet.converter import main; main()"


class ConversionFailed(Exception):
    """The process ended before the file was complete."""


class ParquetConversions:
    """At most `size` conversions at the same time; others wait."""

    def __init__(self, size: int = 2) -> None:
        self._free = asyncio.Semaphore(size)

    @staticmethod
    def is_available() -> bool:
        """Return whether pyarrow is installed."""
        return importlib.util.find_spec("pyarrow") is not None

    async def convert(
        self, lines: AsyncGenerator[bytes, None], types: Mapping[str, ColumnType]
    ) -> AsyncGenerator[bytes, None]:
        """Yield a Parquet file with the objects in `lines`, in chunks. A few row groups are in memory.

        Raises ConversionFailed, or what `lines` raises; the file is then incomplete.
        """
        async with self._free:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _CODE, json.dumps(types), stdin=PIPE, stdout=PIPE
            )
            assert process.stdout is not None
            feeding = asyncio.create_task(_feed(process, lines))
            try:
                while chunk := await process.stdout.read(_CHUNK):
                    yield chunk
                await feeding
                if (status := await process.wait()) != 0:
                    raise ConversionFailed(f"exit status {status}")
            finally:
                feeding.cancel()
                _kill(process)
                await asyncio.gather(feeding, return_exceptions=True)
                await process.wait()


async def _feed(process: Process, lines: AsyncGenerator[bytes, None]) -> None:
    """Pass lines to the process. It is killed where they fail, so that no incomplete file looks complete."""
    assert process.stdin is not None
    try:
        async with contextlib.aclosing(lines):
            async for line in lines:
                process.stdin.write(line)
                await process.stdin.drain()
        process.stdin.close()
    except ConnectionError as error:
        raise ConversionFailed("the process ended") from error
    except BaseException:
        _kill(process)
        raise


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
