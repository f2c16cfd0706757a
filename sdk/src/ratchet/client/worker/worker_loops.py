"""What a worker does at a time: it leases tasks, extends leases, and delivers answers."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from ratchet.client.worker.evaluation_api import EvaluationApi, RefusedRequest, UnavailableServer
from ratchet.client.worker.function_threads import FunctionRunner
from ratchet.client.worker.held_leases import MAX_BATCH, EncodedAnswer, HeldLeases
from ratchet.client.worker.leased_tasks import (
    CallResult,
    InvalidTask,
    LeaseKey,
    WorkerTask,
    bounded_result,
    encode_answer,
    failed_call,
    lease_key,
    parse_task,
)
from ratchet.client.worker.server_outages import Report, ServerOutage
from ratchet.client.worker.worker_settings import WorkerCounters, WorkerSettings
from ratchet.errors import HangingFunction

_MAX_LEASED = 32
"""Tasks in one request."""
_MAX_UNSENT = 100
"""Answers that may wait for the server; with more, nothing is leased."""
_GATHER_S = 0.02
"""Seconds in which answers share a request, and in which slots become free together."""
_LEAST_POLL_S = 1.0
"""Seconds between two requests to a server that has no tasks and does not wait."""
_PROGRESS_S = 5.0
"""Seconds between two lines about progress, while there is any."""


class WorkerLoops:
    """The loops of a worker, in one event loop."""

    def __init__(
        self, api: EvaluationApi, runner: FunctionRunner, settings: WorkerSettings, counters: WorkerCounters,
        report: Report,
    ) -> None:  # fmt: skip
        self._api, self._runner, self._settings = api, runner, settings
        self._counters, self._report = counters, report
        self._leases = HeldLeases()
        self._calls: dict[LeaseKey, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._changed = asyncio.Event()
        self._answered = asyncio.Event()
        self._most = MAX_BATCH
        self._shown, self._shown_at = 0, 0.0

    async def run(self, stopping: asyncio.Event, grace: Callable[[], float]) -> None:
        """Work until `stopping` is set, then for at most `grace()` seconds for what runs.

        Raises HangingFunction, WorkerRefused or ServerUnreachable.
        """
        stopped = asyncio.create_task(stopping.wait())
        leasing = asyncio.create_task(self._lease_tasks())
        others = [asyncio.create_task(loop()) for loop in (self._extend_leases, self._deliver_answers)]
        try:
            done, _ = await asyncio.wait([stopped, leasing, *others], return_when=asyncio.FIRST_COMPLETED)
            await _cancel([leasing])
            await self._finish(grace())
        finally:
            await _cancel([stopped, leasing, *others, *self._calls.values()])
        for ended in done - {stopped}:
            ended.result()

    async def _finish(self, seconds: float) -> None:
        """Wait for the calls that run and the delivery of their answers."""
        try:
            async with asyncio.timeout(seconds):
                while self._leases.keys:
                    await self._wait_for_change()
        except TimeoutError:
            self._report(f"{len(self._leases.keys)} cases are left to other workers")

    async def _lease_tasks(self) -> None:
        outage, attempt = ServerOutage(self._report, self._settings.patience_s), 0
        while True:
            free = await self._wait_for_slots()
            began = time.monotonic()
            try:
                found = await self._api.lease(free, self._settings.wait_s)
            except (UnavailableServer, RefusedRequest) as error:
                outage.note(error, time.monotonic())
                await asyncio.sleep(self._delay(error, attempt))
                attempt += 1
                continue
            attempt = 0
            outage.end()
            for each in found:
                self._begin(each)
            if not found:
                self._show_progress(0.0)
                await asyncio.sleep(max(0.0, began + min(_LEAST_POLL_S, self._settings.wait_s) - time.monotonic()))

    async def _wait_for_slots(self) -> int:
        """Return the number of free slots, once there are any. Raises HangingFunction."""
        await asyncio.sleep(_GATHER_S)
        while True:
            if reason := self._runner.exhausted:
                raise HangingFunction(reason)
            free = self._settings.concurrency - self._leases.running
            if free > 0 and self._leases.unsent < _MAX_UNSENT:
                return min(free, _MAX_LEASED)
            await self._wait_for_change()

    def _begin(self, given: Any) -> None:
        """Start the call of a leased task. One that can't be read is answered as invalid."""
        key = lease_key(given)
        if key is None or self._leases.holds(key):
            return
        self._cancel_calls(self._leases.add(key))
        self._counters.leased += 1
        try:
            task = parse_task(key, given)
        except InvalidTask as error:
            self._put(key, failed_call("invalid", str(error)))
            return
        self._calls[key] = asyncio.create_task(self._call(task))

    async def _call(self, task: WorkerTask) -> None:
        try:
            async with self._slots:
                if self._leases.holds(task.key):
                    self._put(task.key, await self._runner.run(task))
        finally:
            self._calls.pop(task.key, None)
            self._changed.set()

    def _put(self, key: LeaseKey, result: CallResult) -> None:
        if self._leases.holds(key):
            result = bounded_result(result)
            self._counters.failed += result.failure is not None
            self._leases.put_answer(EncodedAnswer(key, encode_answer(key, result)))
            self._answered.set()

    async def _extend_leases(self) -> None:
        attempt = 0
        while True:
            quickly = self._settings.pause(attempt) if attempt else self._settings.heartbeat_s
            await asyncio.sleep(min(quickly, self._settings.heartbeat_s))
            keys = self._leases.keys
            if not keys:
                continue
            try:
                lost = await self._api.extend(keys)
            except (UnavailableServer, RefusedRequest):
                attempt += 1
                continue
            attempt = 0
            self._drop([key for key in keys if key.task_id in lost])

    async def _deliver_answers(self) -> None:
        attempt = 0
        while True:
            await self._answered.wait()
            await asyncio.sleep(_GATHER_S)
            batch = self._leases.next_batch(self._most)
            if not batch:
                self._answered.clear()
                continue
            try:
                lost = await self._api.send(batch)
            except (UnavailableServer, RefusedRequest) as error:
                if isinstance(error, RefusedRequest) and error.invalid:
                    self._divide(batch, str(error))
                else:
                    await asyncio.sleep(self._delay(error, attempt))
                    attempt += 1
                continue
            attempt, self._most = 0, min(MAX_BATCH, 2 * self._most)
            self._note_delivered(batch, lost)

    def _note_delivered(self, batch: list[EncodedAnswer], lost: frozenset[str]) -> None:
        self._counters.answered += self._leases.deliver(batch, lost)
        self._counters.lost = self._leases.lost
        self._changed.set()
        self._show_progress(_PROGRESS_S)

    def _show_progress(self, after_s: float) -> None:
        """Report the counts if they changed, and the last report is at least `after_s` seconds old."""
        counters, now = self._counters, time.monotonic()
        if counters.answered != self._shown and now - self._shown_at >= after_s:
            self._shown, self._shown_at = counters.answered, now
            self._report(f"{counters.answered:,} answered, {counters.failed:,} failed, {counters.lost:,} lost")

    def _divide(self, batch: list[EncodedAnswer], reason: str) -> None:
        """Send fewer answers together; replace a single one that is refused by a failure, and that by nothing."""
        if len(batch) > 1:
            self._most = len(batch) // 2
            return
        (answer,) = batch
        if answer.substitute:
            self._report(f"an answer was refused: {reason}")
            self._drop([answer.key])
        else:
            failure = failed_call("invalid", f"the answer was refused: {reason}")
            self._leases.put_answer(EncodedAnswer(answer.key, encode_answer(answer.key, failure), substitute=True))

    def _drop(self, lost: list[LeaseKey]) -> None:
        self._leases.drop(lost)
        self._cancel_calls(lost)

    def _cancel_calls(self, keys: Iterable[LeaseKey]) -> None:
        for key in keys:
            if (call := self._calls.get(key)) is not None:
                call.cancel()
        self._counters.lost = self._leases.lost
        self._changed.set()

    def _delay(self, error: UnavailableServer | RefusedRequest, attempt: int) -> float:
        asked = error.retry_after if isinstance(error, UnavailableServer) else None
        return self._settings.pause(attempt) if asked is None else asked

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def _cancel(tasks: "Iterable[asyncio.Task[Any]]") -> None:
    """Cancel tasks and wait for their end."""
    cancelled = [task for task in tasks if not task.done()]
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
