"""Judges by Ragas' metrics, which run in a process of their own: 5 s of import and 240 MB stay out of the service."""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ratchet.prompt import Json
from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.definition import JudgeDefinition
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from ratchet_evaluation.domain.judges.spend import SpendLedger
from ratchet_evaluation.endpoints.model_client import ModelClient, RequestRejected

SCRIPT = Path(__file__).with_name("ragas_process.py")
_MOST_LINE = 16 * 1024 * 1024
_START_S = 120.0
_SILENCE_S = 60.0
"""Seconds without a call after which a score is given up, and the process with it."""
IDLE_S = 300.0
"""Seconds without a score after which the process is ended."""
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Variables that the process sees: none of the service's credentials."""


@dataclass(slots=True)
class _PendingScore:
    ledger: SpendLedger
    result: "asyncio.Future[float]"
    calls: int = 0
    last: float = 0.0
    failed: str | None = None


@dataclass(slots=True)
class RagasProcess:
    """The running process and the scores that it works on."""

    process: asyncio.subprocess.Process
    pending: dict[int, _PendingScore] = field(default_factory=dict)
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    def send(self, message: Mapping[str, Any]) -> None:
        """Write a message to the process, if it still runs."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def end(self, reason: str) -> None:
        """End the process; scores that it still works on are unknown."""
        for each in self.pending.values():
            if not each.result.done():
                each.result.set_exception(UnknownScore(reason))
        self.pending.clear()
        for task in self.tasks:
            task.cancel()
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


class RagasJudge:
    """Judges by faithfulness, answer relevancy and context precision. `python` is one that has Ragas.

    The process is started by the first score and ended after `idle_s` without one. It asks for its HTTP calls here, so
    that the client's limits and the ledger hold for Ragas, too.
    """

    def __init__(self, client: ModelClient, python: str | None = None, idle_s: float = IDLE_S) -> None:
        self._client, self._idle_s = client, idle_s
        self._python = python or sys.executable
        self._numbers = itertools.count(1)
        self._running: RagasProcess | None = None
        self._reader: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    async def score(self, definition: JudgeDefinition, judged: JudgedText, ledger: SpendLedger) -> float:
        """Return the score. Raises UnknownScore."""
        if definition.method != "answer_relevancy" and not judged.contexts:
            raise UnknownScore(f"{definition.method} needs contexts, and none are known")
        if not judged.output.strip() or not judged.input.strip():
            raise UnknownScore(f"{definition.method} needs an input and an output that are not empty")
        running = await self._start()
        number = next(self._numbers)
        pending = _PendingScore(ledger, asyncio.get_running_loop().create_future())
        running.pending[number] = pending
        running.send(_request(number, definition, judged))
        try:
            return _in_range(await self._wait(running, pending))
        finally:
            running.pending.pop(number, None)
            self._end_when_idle()

    async def close(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        async with self._lock:
            running, self._running = self._running, None
            if running is not None:
                await running.end("the evaluator stops")
            if self._reader is not None:
                self._reader.cancel()
                await asyncio.gather(self._reader, return_exceptions=True)

    async def _wait(self, running: RagasProcess, pending: _PendingScore) -> float:
        loop = asyncio.get_running_loop()
        pending.last = loop.time()
        while True:
            done, _ = await asyncio.wait([pending.result], timeout=_SILENCE_S)
            if done:
                return pending.result.result()
            if pending.calls == 0 and loop.time() - pending.last >= _SILENCE_S:
                await self._drop(running, f"Ragas did nothing for {_SILENCE_S:g} s")

    async def _start(self) -> RagasProcess:
        async with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            if self._running is not None and self._running.process.returncode is None:
                return self._running
            environment = {key: os.environ[key] for key in _INHERITED if key in os.environ}
            try:
                process = await asyncio.create_subprocess_exec(
                    self._python, str(SCRIPT),
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                    limit=_MOST_LINE, env={**environment, "RAGAS_DO_NOT_TRACK": "true"},
                )  # fmt: skip
            except OSError as error:
                raise UnknownScore(f"Ragas can't be started: {type(error).__name__}") from None
            running = RagasProcess(process)
            try:
                first = await asyncio.wait_for(_next_message(process), _START_S)
            except TimeoutError:
                first = {"fatal": f"Ragas did not start within {_START_S:g} s"}
            if first is None or "ready" not in first:
                reason = (first or {}).get("fatal", "Ragas ended at its start")
                await running.end(reason)
                raise UnknownScore(str(reason))
            self._running = running
            self._reader = asyncio.create_task(self._read(running))
            return running

    async def _read(self, running: RagasProcess) -> None:
        while (message := await _next_message(running.process)) is not None:
            pending = running.pending.get(message["score"])
            if "call" in message:
                task = asyncio.create_task(self._call(running, pending, message))
                running.tasks.add(task)
                task.add_done_callback(running.tasks.discard)
            elif pending is not None and not pending.result.done():
                if "value" in message and pending.failed is None:
                    pending.result.set_result(message["value"])
                else:
                    pending.result.set_exception(UnknownScore(pending.failed or message.get("unknown", "unknown")))
        await self._drop(running, "the process of Ragas ended")

    async def _call(self, running: RagasProcess, pending: _PendingScore | None, message: Mapping[str, Any]) -> None:
        """Make an HTTP call for the process. After a failure, all further calls of the same score fail at once."""
        status, body = 400, {"error": {"message": "refused"}}
        if pending is not None and pending.failed is None:
            pending.calls += 1
            try:
                status, body = 200, await self._client.post(message["path"], message["body"], pending.ledger)
            except RequestRejected as error:
                pending.failed = str(error)
            except UnknownScore as error:
                pending.failed = str(error)
            finally:
                pending.calls -= 1
                pending.last = asyncio.get_running_loop().time()
        running.send({"reply": message["call"], "status": status, "body": body})

    async def _drop(self, running: RagasProcess, reason: str) -> None:
        if self._running is running:
            self._running = None
        await running.end(reason)

    def _end_when_idle(self) -> None:
        running = self._running
        if running is None or running.pending:
            return
        if self._idle is not None:
            self._idle.cancel()

        def end() -> None:
            if not running.pending and self._running is running:
                self._running = None
                self._ending = asyncio.ensure_future(running.end("idle"))

        self._idle = asyncio.get_running_loop().call_later(self._idle_s, end)


def _request(number: int, definition: JudgeDefinition, judged: JudgedText) -> dict[str, Json]:
    return {
        "score": number,
        "method": definition.method,
        "model": definition.model,
        "embedding_model": definition.embedding_model,
        "parameters": {**definition.parameters},
        **judged.to_json(),
    }


def _in_range(value: float) -> float:
    """Return a score from 0 to 1. A cosine may be negative, and exceed 1 by rounding."""
    if -1.0 <= value <= 1.0 + 1e-6:
        return min(max(value, 0.0), 1.0)
    raise UnknownScore("Ragas' score is not between 0 and 1")


async def _next_message(process: asyncio.subprocess.Process) -> dict[str, Any] | None:
    """Return the next message of the process; None at its end, or if it is not a message."""
    assert process.stdout is not None
    try:
        found = json.loads(await process.stdout.readline())
    except ValueError:  # also the end, and a line that is too long
        return None
    return found if isinstance(found, dict) else None
