"""The background thread that sends batches. Not started before the first item."""

import contextlib
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable

from ratchet.client.ending import at_exit
from ratchet.client.items import Item
from ratchet.client.options import Options
from ratchet.client.posting import Poster, Transport
from ratchet.client.queue import ROUTES, Batch, Counters, Delivered, Outcome, Retry, SendQueue
from ratchet.client.trouble import Trouble
from ratchet.visible import visible

log = logging.getLogger("ratchet")

_LONGEST_PAUSE = 30.0


def pause(attempt: int) -> float:
    """Seconds before the next attempt: doubling from 0.1 to 30, at random between half and whole."""
    return min(_LONGEST_PAUSE, 0.1 * 2.0 ** min(attempt, 16)) * random.uniform(0.5, 1)  # noqa: S311


class Sender:
    """Accepts items from any thread and sends them in the background."""

    def __init__(self, options: Options, client: Transport, monotonic: Callable[[], float] = time.monotonic):
        self._options, self._new_client, self._monotonic = options, client, monotonic
        self._queue = SendQueue(
            capacity=options.capacity,
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
        self._warned_full = False
        self._troubles = {route: Trouble() for route in ROUTES}
        self.trouble: str | None = None
        """Why the last batch has to be sent again; None once one was answered for."""

    @property
    def counters(self) -> Counters:
        return self._queue.counters

    @property
    def pending(self) -> int:
        with self._changed:
            return self._queue.pending

    def offer(self, item: Item) -> bool:
        """Takes an item; False when the queue is full or the sender closed. Never blocks on the network."""
        with self._changed:
            if not self._queue.offer(item):
                self._warn_dropped()
                return False
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
        """Waits until everything pending is answered for; False at the deadline."""
        deadline = self._monotonic() + timeout
        with self._changed:
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
        complete = self.flush(timeout)
        with self._changed:
            self._closing = True
            left = self._queue.close()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            self._call_off()
            thread.join(timeout=1.0)
        if left:
            log.warning("ratchet: closed with %d items unsent", left)
        return complete

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ratchet-sender", daemon=True)
            self._thread.start()
            self._call_off = at_exit(lambda: self.close(timeout=2.0))

    def _run(self) -> None:
        poster = Poster(self._new_client, self._options.timeout)
        while (batch := self._await_batch()) is not None:
            result = poster.post(batch)
            self.trouble = result.reason if isinstance(result, Retry) else None
            with contextlib.suppress(Exception):  # a log handler of the app's
                self._report(batch, result)  # before it is settled: who waits for a flush finds it said
            with self._changed:
                if not self._closing:
                    self._queue.settle(batch, result, self._monotonic())
                self._changed.notify_all()
        poster.close()

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

    def _report(self, batch: Batch, result: Outcome) -> None:
        trouble = self._troubles[batch.route]
        if isinstance(result, Retry):
            level = trouble.level(result.reason, result.misconfigured, self._monotonic())
            what = f"{len(batch.items)} {batch.route}"
            log.log(level, "ratchet: %s will be sent again: %s", what, visible(result.reason))
            return
        trouble.over()
        for index, reason in result.refused if isinstance(result, Delivered) else ():
            item = batch.items[index]
            log.warning("ratchet: %s %s was refused: %s", item.route, visible(str(item.id)), visible(reason))
