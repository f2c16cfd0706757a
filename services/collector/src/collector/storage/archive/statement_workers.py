"""Runs statements in worker processes (`worker`), which are started when they are needed and end soon after."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from collector.storage.archive.worker_protocol import HEAD_BYTES, WorkerReply, WorkerRequest, frame, frame_length

_IDLE_S = 20.0
"""A worker without work ends after this time: the next query need not wait for a start until then."""
_START_S = 60.0
"""Until a new process is ready, on a machine that is busy with other work."""
_END_S = 5.0
_CODE = "from collector.storage.archive.worker import main; main()"


class WorkerFailure(Exception):
    """A query has no result."""


class WorkerError(WorkerFailure):
    """DuckDB refused a query. `name`: that of its error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


class WorkerTimeout(WorkerFailure):
    """A query took too long; its process was killed."""


class WorkerDied(WorkerFailure):
    """The process ended before it answered, for instance because the machine's memory was used up."""


class Workers:
    """At most `size` processes, each with one query at a time. Each takes at most `memory_mb` for its work."""

    def __init__(self, folder: Path, *, size: int, memory_mb: int) -> None:
        self._folder = folder
        self._memory_mb = memory_mb
        self._free = asyncio.Semaphore(size)
        self._idle: list[tuple[asyncio.subprocess.Process, float]] = []
        self._reaper: asyncio.Task[None] | None = None

    async def run(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        statements: Sequence[str] = (),
        within: float,
    ) -> list[list[Any]]:
        """Run statements and a query, and return its rows. Texts and UUIDs are strings, times datetimes.

        A process that was idle may have been killed meanwhile: then a new one is asked.

        Raises:
            WorkerError: the query cannot be run, or a file cannot be read.
            WorkerTimeout: it takes more than `within` seconds, not counting the start of a process.
            WorkerDied: the process ended, or is not ready after a minute.
        """
        request = WorkerRequest(query, list(statements), dict(parameters or {}))
        async with self._free:
            idle = self._pop_idle()
            try:
                reply = await self._ask(idle or await self._start(), request, within)
            except WorkerDied:
                if idle is None:
                    raise
                reply = await self._ask(await self._start(), request, within)
        if reply.error is not None:
            raise WorkerError(reply.error, reply.message)
        return reply.rows

    async def close(self) -> None:
        """End all processes."""
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_end(process) for process, _ in idle))

    def _pop_idle(self) -> asyncio.subprocess.Process | None:
        while self._idle:
            process, _ = self._idle.pop()
            if process.returncode is None:
                return process
        return None

    async def _start(self) -> asyncio.subprocess.Process:
        """Return a new process that is ready: its start takes most of a second, and much longer on a busy machine."""
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CODE, str(self._folder), str(self._memory_mb),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        ready = False
        try:
            await asyncio.wait_for(_receive(process), _START_S)
            ready = True
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied("it could not be started") from error
        finally:
            if not ready:
                await asyncio.shield(_kill(process))
        return process

    async def _ask(self, process: asyncio.subprocess.Process, request: WorkerRequest, within: float) -> WorkerReply:
        kept = False
        try:
            reply = await asyncio.wait_for(_exchange(process, request), within)
            kept = True
        except TimeoutError:
            raise WorkerTimeout(f"more than {within:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied(f"exit status {process.returncode}") from error
        finally:
            await self._release(process, kept)
        return reply

    async def _release(self, process: asyncio.subprocess.Process, kept: bool) -> None:
        if not kept:
            await asyncio.shield(_kill(process))
            return
        self._idle.append((process, time.monotonic() + _IDLE_S))
        if self._reaper is None or self._reaper.done():
            self._reaper = asyncio.create_task(self._end_idle())

    async def _end_idle(self) -> None:
        """End processes that were idle for long, until none is left."""
        while self._idle:
            await asyncio.sleep(max(0.0, self._idle[0][1] - time.monotonic()))
            if self._idle and self._idle[0][1] <= time.monotonic():
                await _end(self._idle.pop(0)[0])


async def _exchange(process: asyncio.subprocess.Process, request: WorkerRequest) -> WorkerReply:
    assert process.stdin is not None
    process.stdin.write(frame(msgspec.msgpack.encode(request)))
    await process.stdin.drain()
    return await _receive(process)


async def _receive(process: asyncio.subprocess.Process) -> WorkerReply:
    assert process.stdout is not None
    head = await process.stdout.readexactly(HEAD_BYTES)
    return msgspec.msgpack.decode(await process.stdout.readexactly(frame_length(head)), type=WorkerReply)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close the process's standard input, at which it ends by itself."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        await _kill(process)


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
