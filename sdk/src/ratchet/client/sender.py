"""The background thread that sends batches; it starts with the first item."""

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Callable

from ratchet.client.batches import Batch, Outcome
from ratchet.client.options import Options
from ratchet.client.queue import Counters, SendQueue
from ratchet.client.recorded_items import RecordedItem, UnencodedItem
from ratchet.client.sender_log import (
    SenderLog,
    reason_to_repeat,
    report_closed,
    report_unsent,
    report_varying_names,
)
from ratchet.client.transport import BatchPoster, Transport

FIRST_PAUSE = 0.1
"""Seconds before the second attempt, at most; it doubles with each further one."""
_MAX_PAUSE = 30.0
_ENCODED_AT_ONCE = 32
"""Items after which the thread lets others run: the app's threads wait for the interpreter that long."""
MIN_JOIN = 0.1
"""Seconds to wait for an idle thread to end when the deadline of `close` has passed."""


def pause(attempt: int) -> float:
    """Return the seconds before the next attempt: doubling from FIRST_PAUSE to 30, with a random factor of 0.5 to 1."""
    return min(_MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 16)) * random.uniform(0.5, 1)  # noqa: S311


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
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closing = False
        self._hurried = 0
        self._idle = False
        self._log = SenderLog()
        self.last_error: str | None = None
        """Why the last batch must be sent again; None after a successful one."""

    @property
    def counters(self) -> Counters:
        return self._queue.counters

    @property
    def pending(self) -> int:
        with self._changed:
            return self._queue.pending

    def offer(self, item: UnencodedItem | RecordedItem) -> bool:
        """Queue an item; False when the queue is full or the sender closed. Never blocks on the network."""
        with self._lock:
            if not self._queue.offer(item):
                self._log.warn_dropped()
                return False
            if item.dropped:
                self._log.report_fields(item)
            if self._thread is None:
                self._start()
            if self._idle or self._queue.unencoded == self._options.batch_size:
                self._idle = False
                self._changed.notify_all()
        return True

    def refuse(self, item_id: str, reason: str) -> None:
        """Count and log an item that could not be converted."""
        with self._changed:
            self._queue.refuse()
        report_unsent(item_id, reason)

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
            report_closed(left)
        return complete

    def _start(self) -> bool:
        """Start the thread if needed; return whether it runs. Otherwise the next item or flush tries again."""
        if self._thread is None:
            self._on_start()
            thread = threading.Thread(target=self._run, name="ratchet-sender", daemon=True)
            try:
                thread.start()
            except (RuntimeError, OSError) as error:
                self._log.warn_no_thread(error)
            else:
                self._thread = thread
        return self._thread is not None

    def _run(self) -> None:
        poster = BatchPoster(self._new_client, self._options.timeout)
        while self._await_work():
            self._encode()
            if (batch := self._next_batch()) is None:
                continue
            result = poster.post(batch)
            self.last_error = reason_to_repeat(batch, result)
            with contextlib.suppress(Exception):  # a log handler of the app's
                # before `_apply`, so that it is logged when `flush` returns
                self._log.report(batch, result, self._monotonic())
            varying = self._apply(batch, result)
            with contextlib.suppress(Exception):
                report_varying_names(varying)
        poster.close()

    def _apply(self, batch: Batch, result: Outcome) -> list[str]:
        with self._changed:
            if not self._closing:
                self._queue.apply(batch, result, self._monotonic())
            self._changed.notify_all()
            return self._queue.pop_varying_names()

    def _await_work(self) -> bool:
        """Wait until there are items to encode, or a batch is due; False when closing."""
        with self._changed:
            while not self._closing:
                due, now = self._queue.due(), self._monotonic()
                if self._queue.unencoded or (due is not None and due <= now):
                    self._gather(now)
                    return not self._closing
                self._idle = True
                self._changed.wait(None if due is None else due - now)
                self._idle = False
            return False

    def _gather(self, now: float) -> None:
        """Wait for `flush_interval`, so that items share a batch; not when one is full or `flush` waits."""
        if not (self._queue.is_full(now) or self._hurried):
            self._changed.wait(self._options.flush_interval)

    def _encode(self) -> None:
        """Encode items of about a batch, outside the lock."""
        for _ in range(0, self._options.batch_size, _ENCODED_AT_ONCE):
            with self._changed:
                items = self._queue.pop_unencoded(_ENCODED_AT_ONCE)
            if not items:
                break
            encoded = [self._encoded(item) for item in items]
            with self._changed:
                for item, found in zip(items, encoded, strict=True):
                    self._queue.put_encoded(item, found)
                self._changed.notify_all()
            time.sleep(0)

    def _next_batch(self) -> Batch | None:
        with self._changed:
            return None if self._closing else self._queue.next(self._monotonic())

    def _encoded(self, item: UnencodedItem) -> RecordedItem | None:
        """Return the item with its JSON; None, after a warning, where it has none."""
        try:
            encoded = item.encode()
        except Exception as error:  # the thread must go on
            with contextlib.suppress(Exception):  # a log handler of the app's
                report_unsent(item.id, str(error) or type(error).__name__)
            return None
        if len(encoded.dropped) > len(item.dropped):
            with contextlib.suppress(Exception):
                self._log.report_fields(encoded)
        return encoded
