"""The background thread that sends batches. Not started before the first item."""

import contextlib
import logging
import random
import re
import threading
import time
import uuid
from collections.abc import Callable

from ratchet.client.items import RecordedItem
from ratchet.client.known_documents import MANY
from ratchet.client.log_throttle import LogThrottle
from ratchet.client.options import Options
from ratchet.client.queue import ROUTES, Batch, Counters, Delivered, Outcome, Retry, SendQueue
from ratchet.client.transport import BatchPoster, Transport
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

_LONGEST_PAUSE = 30.0
_MOST_WARNED = 100
_INNER = re.compile(r"[.\[]")
LEAST_JOIN = 0.1
"""Seconds that an idle thread may take to end, when the time to close is over."""


def pause(attempt: int) -> float:
    """Seconds before the next attempt: doubling from 0.1 to 30, at random between half and whole."""
    return min(_LONGEST_PAUSE, 0.1 * 2.0 ** min(attempt, 16)) * random.uniform(0.5, 1)  # noqa: S311


class Sender:
    """Accepts items from any thread and sends them in the background."""

    def __init__(
        self,
        options: Options,
        client: Transport,
        monotonic: Callable[[], float] = time.monotonic,
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_start` is called before the thread is started."""
        self._options, self._new_client, self._monotonic = options, client, monotonic
        self._on_start = on_start
        self._queue = SendQueue(
            capacity=options.capacity,
            capacity_bytes=options.capacity_bytes,
            batch_size=options.batch_size,
            batch_bytes=options.batch_bytes,
            new_key=lambda: uuid.uuid4().hex,
            pause=pause,
        )
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._hurried = 0
        self._idle = False
        self._warned_full = self._warned_thread = False
        self._warned_fields: set[str] = set()
        self._troubles = {route: LogThrottle() for route in ROUTES}
        self.trouble: str | None = None
        """Why the last batch has to be sent again; None once one was answered for."""

    @property
    def counters(self) -> Counters:
        return self._queue.counters

    @property
    def pending(self) -> int:
        with self._changed:
            return self._queue.pending

    def offer(self, item: RecordedItem) -> bool:
        """Takes an item; False when the queue is full or the sender closed. Never blocks on the network."""
        with self._changed:
            if not self._queue.offer(item):
                self._warn_dropped()
                return False
            self._report_fields(item)
            self._start()
            if self._idle or self._queue.pending == self._options.batch_size:
                self._idle = False
                self._changed.notify_all()
        return True

    def refuse(self, item_id: str, reason: str) -> None:
        """Counts and reports an item that could not become JSON."""
        with self._changed:
            self._queue.refuse()
        log.warning("ratchet: %s was not sent: %s", visible(str(item_id)), visible(reason))

    def flush(self, timeout: float) -> bool:
        """Waits until everything pending is answered for; False at the deadline, and where no thread can be had."""
        deadline = self._monotonic() + timeout
        with self._changed:
            if self._queue.pending and not self._start():
                return False
            self._hurried += 1
            self._changed.notify_all()
            try:
                while self._queue.pending and (left := deadline - self._monotonic()) > 0:
                    self._changed.wait(left)
                return not self._queue.pending
            finally:
                self._hurried -= 1

    def close(self, timeout: float) -> bool:
        """Sends what is pending until the deadline, then ends the thread. False if anything was given up."""
        deadline = self._monotonic() + timeout
        complete = self.flush(timeout)
        with self._changed:
            self._closing = True
            left = self._queue.close()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(max(LEAST_JOIN, deadline - self._monotonic()))
        if left:
            log.warning("ratchet: closed with %d items unsent", left)
        return complete

    def _start(self) -> bool:
        """Whether the thread runs. Where the machine has none to spare, the next item or flush tries again."""
        if self._thread is None:
            self._on_start()
            thread = threading.Thread(target=self._run, name="ratchet-sender", daemon=True)
            try:
                thread.start()
            except (RuntimeError, OSError) as error:
                self._warn_no_thread(error)
            else:
                self._thread = thread
        return self._thread is not None

    def _run(self) -> None:
        poster = BatchPoster(self._new_client, self._options.timeout)
        while (batch := self._await_batch()) is not None:
            result = poster.post(batch)
            self.trouble = _reason_to_repeat(batch, result)
            with contextlib.suppress(Exception):  # a log handler of the app's
                self._report(batch, result)  # before it is settled: who waits for a flush finds it said
            restless = self._settle(batch, result)
            with contextlib.suppress(Exception):
                _report_restless(restless)
        poster.close()

    def _settle(self, batch: Batch, result: Outcome) -> list[str]:
        with self._changed:
            if not self._closing:
                self._queue.settle(batch, result, self._monotonic())
            self._changed.notify_all()
            return self._queue.restless()

    def _await_batch(self) -> Batch | None:
        """The next batch once it is due; None when closing."""
        with self._changed:
            while not self._closing:
                due, now = self._queue.due(), self._monotonic()
                if due is None or due > now:
                    self._idle = True
                    self._changed.wait(None if due is None else due - now)
                    self._idle = False
                    continue
                self._gather()
                if not self._closing and (batch := self._queue.next(self._monotonic())) is not None:
                    return batch
            return None

    def _gather(self) -> None:
        """Waits a moment, so that items share a batch; not when one is full or somebody waits for a flush."""
        if self._queue.pending < self._options.batch_size and not self._hurried and not self._closing:
            self._changed.wait(self._options.flush_interval)

    def _warn_dropped(self) -> None:
        if not self._warned_full:
            self._warned_full = True
            log.warning("ratchet: items are dropped, because the queue is full or closed; counters tell how many")

    def _report_fields(self, item: RecordedItem) -> None:
        """Logs a field that was left out; each name once."""
        for field in item.dropped:
            name = f"{item.route} {_INNER.split(field)[0]}"
            if name not in self._warned_fields and len(self._warned_fields) < _MOST_WARNED:
                self._warned_fields.add(name)
                log.warning("ratchet: the field %s of %s was left out, because nothing can be made of its value; "
                            "counters tell how often", visible(field), item.route)  # fmt: skip

    def _warn_no_thread(self, error: Exception) -> None:
        if not self._warned_thread:
            self._warned_thread = True
            log.warning("ratchet: nothing is sent for now, because no thread can be started: %s", error)

    def _report(self, batch: Batch, result: Outcome) -> None:
        trouble = self._troubles[batch.route]
        reason = _reason_to_repeat(batch, result)
        if reason is None:
            trouble.over()
        else:
            level = trouble.level(reason, isinstance(result, Retry) and result.misconfigured, self._monotonic())
            number = len(result.repeat) if isinstance(result, Delivered) else len(batch.items)
            log.log(level, "ratchet: %s will be sent again: %s", f"{number} {batch.route}", visible(reason))
        for _, item in result.amended if isinstance(result, Delivered) else ():
            self._report_fields(item)
        for index, reason in result.refused if isinstance(result, Delivered) else ():
            item = batch.items[index]
            log.warning("ratchet: %s %s was refused: %s", item.route, visible(str(item.id)), visible(reason))


def _reason_to_repeat(batch: Batch, result: Outcome) -> str | None:
    """Why items of `batch` are sent again; None where the server has answered for all of them."""
    if isinstance(result, Delivered) and result.repeat:
        return f"the server failed on {len(result.repeat)} of {len(batch.items)}"
    return result.reason if isinstance(result, Retry) else None


def _report_restless(names: list[str]) -> None:
    for name in names:
        why = "variables keep it one prompt, whose quality can be told"
        log.warning("ratchet: %s had %d different defaults so far: %s", visible(str(name)), MANY, why)
