"""The background thread that sends batches; it starts with the first item."""

import contextlib
import logging
import random
import re
import threading
import time
import uuid
from collections.abc import Callable

from ratchet.client.known_documents import MANY_DOCUMENTS
from ratchet.client.log_throttle import LogThrottle
from ratchet.client.options import Options
from ratchet.client.queue import ROUTES, Batch, Counters, Delivered, Outcome, Retry, SendQueue
from ratchet.client.recorded_items import RecordedItem
from ratchet.client.transport import BatchPoster, Transport
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

_MAX_PAUSE = 30.0
_MAX_WARNED_FIELDS = 100
_INNER = re.compile(r"[.\[]")
MIN_JOIN = 0.1
"""Seconds to wait for an idle thread to end when the deadline of `close` has passed."""


def pause(attempt: int) -> float:
    """Return the seconds before the next attempt: doubling from 0.1 to 30, with a random factor of 0.5 to 1."""
    return min(_MAX_PAUSE, 0.1 * 2.0 ** min(attempt, 16)) * random.uniform(0.5, 1)  # noqa: S311


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
        self._throttles = {route: LogThrottle() for route in ROUTES}
        self.last_error: str | None = None
        """Why the last batch must be sent again; None after a successful one."""

    @property
    def counters(self) -> Counters:
        return self._queue.counters

    @property
    def pending(self) -> int:
        with self._changed:
            return self._queue.pending

    def offer(self, item: RecordedItem) -> bool:
        """Queue an item; False when the queue is full or the sender closed. Never blocks on the network."""
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
        """Count and log an item that could not be encoded."""
        with self._changed:
            self._queue.refuse()
        log.warning("ratchet: %s was not sent: %s", visible(str(item_id)), visible(reason))

    def flush(self, timeout: float) -> bool:
        """Wait until the server has answered for all items; False at the deadline or without a thread."""
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
        """Send pending items for up to `timeout` seconds, then end the thread; False if any was left unsent."""
        deadline = self._monotonic() + timeout
        complete = self.flush(timeout)
        with self._changed:
            self._closing = True
            left = self._queue.close()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(max(MIN_JOIN, deadline - self._monotonic()))
        if left:
            log.warning("ratchet: closed with %d items unsent", left)
        return complete

    def _start(self) -> bool:
        """Start the thread if needed; return whether it runs. Otherwise the next item or flush tries again."""
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
            self.last_error = _reason_to_repeat(batch, result)
            with contextlib.suppress(Exception):  # a log handler of the app's
                self._report(batch, result)  # before `_apply`, so that it is logged when `flush` returns
            varying = self._apply(batch, result)
            with contextlib.suppress(Exception):
                _report_varying_names(varying)
        poster.close()

    def _apply(self, batch: Batch, result: Outcome) -> list[str]:
        with self._changed:
            if not self._closing:
                self._queue.apply(batch, result, self._monotonic())
            self._changed.notify_all()
            return self._queue.pop_varying_names()

    def _await_batch(self) -> Batch | None:
        """Return the next batch once it is due; None when closing."""
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
        """Wait for `flush_interval`, so that items share a batch; not when one is full or `flush` waits."""
        if self._queue.pending < self._options.batch_size and not self._hurried and not self._closing:
            self._changed.wait(self._options.flush_interval)

    def _warn_dropped(self) -> None:
        if not self._warned_full:
            self._warned_full = True
            log.warning("ratchet: items are dropped, because the queue is full or closed; see client.counters")

    def _report_fields(self, item: RecordedItem) -> None:
        """Log the fields that were left out, each name once."""
        for field in item.dropped:
            name = f"{item.route} {_INNER.split(field)[0]}"
            if name not in self._warned_fields and len(self._warned_fields) < _MAX_WARNED_FIELDS:
                self._warned_fields.add(name)
                log.warning("ratchet: the field %s of %s was left out, because its value can't be converted; "
                            "see counters.dropped_fields", visible(field), item.route)  # fmt: skip

    def _warn_no_thread(self, error: Exception) -> None:
        if not self._warned_thread:
            self._warned_thread = True
            log.warning("ratchet: nothing is sent now, because no thread can be started: %s", error)

    def _report(self, batch: Batch, result: Outcome) -> None:
        throttle = self._throttles[batch.route]
        reason = _reason_to_repeat(batch, result)
        if reason is None:
            throttle.reset()
        else:
            level = throttle.level(reason, isinstance(result, Retry) and result.misconfigured, self._monotonic())
            number = len(result.repeat) if isinstance(result, Delivered) else len(batch.items)
            log.log(level, "ratchet: %s will be sent again: %s", f"{number} {batch.route}", visible(reason))
        for _, item in result.amended if isinstance(result, Delivered) else ():
            self._report_fields(item)
        for index, reason in result.refused if isinstance(result, Delivered) else ():
            item = batch.items[index]
            log.warning("ratchet: %s %s was refused: %s", item.route, visible(str(item.id)), visible(reason))


def _reason_to_repeat(batch: Batch, result: Outcome) -> str | None:
    """Return why items of `batch` are sent again; None where the server has answered for all."""
    if isinstance(result, Delivered) and result.repeat:
        return f"the server failed for {len(result.repeat)} of {len(batch.items)}"
    return result.reason if isinstance(result, Retry) else None


def _report_varying_names(names: list[str]) -> None:
    for name in names:
        why = "use variables, so that it stays one prompt whose quality is measured"
        log.warning("ratchet: %s had %d different defaults so far: %s", visible(str(name)), MANY_DOCUMENTS, why)
