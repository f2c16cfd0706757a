"""What the sender logs: warnings once each, and repeated failures with a throttled level."""

import logging
import re

from ratchet.client.batches import Batch, Delivered, Outcome, Retry
from ratchet.client.known_documents import MANY_DOCUMENTS
from ratchet.client.queue import ROUTES
from ratchet.client.recorded_items import RecordedItem, UnencodedItem
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

_WARN_AFTER_S = 60.0


class LogThrottle:
    """Returns WARNING once per failure: at once for a misconfiguration, else after a minute; INFO for repeats."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._warned: str | None = None

    def reset(self) -> None:
        """Note that the server answered."""
        self._since = self._warned = None

    def level(self, reason: str, misconfigured: bool, now: float) -> int:
        """Return the logging level of a failure; `now` in seconds."""
        self._since = now if self._since is None else self._since
        lasts = self._warned is None and now - self._since >= _WARN_AFTER_S
        if lasts or (misconfigured and reason != self._warned):
            self._warned = reason
            return logging.WARNING
        return logging.INFO


_MAX_WARNED_FIELDS = 100
_INNER = re.compile(r"[.\[]")


class SenderLog:
    """The warnings of one sender. Not thread-safe, but for `report`, which only the sending thread calls."""

    def __init__(self) -> None:
        self._warned_full = self._warned_thread = False
        self._warned_fields: set[str] = set()
        self._throttles = {route: LogThrottle() for route in ROUTES}

    def warn_dropped(self) -> None:
        """Log once that items are dropped."""
        if not self._warned_full:
            self._warned_full = True
            log.warning("ratchet: items are dropped, because the queue is full or closed; see client.counters")

    def report_fields(self, item: UnencodedItem | RecordedItem) -> None:
        """Log the fields that were left out, each name once."""
        for field in item.dropped:
            name = f"{item.route} {_INNER.split(field)[0]}"
            if name not in self._warned_fields and len(self._warned_fields) < _MAX_WARNED_FIELDS:
                self._warned_fields.add(name)
                log.warning("ratchet: the field %s of %s was left out, because its value can't be converted; "
                            "see counters.dropped_fields", visible(field), item.route)  # fmt: skip

    def warn_no_thread(self, error: Exception) -> None:
        """Log once that no thread can be started."""
        if not self._warned_thread:
            self._warned_thread = True
            log.warning("ratchet: nothing is sent now, because no thread can be started: %s", error)

    def report(self, batch: Batch, result: Outcome, now: float) -> None:
        """Log what the outcome of a batch has of failures and refusals; `now` in seconds."""
        throttle = self._throttles[batch.route]
        reason = reason_to_repeat(batch, result)
        if reason is None:
            throttle.reset()
        else:
            level = throttle.level(reason, isinstance(result, Retry) and result.misconfigured, now)
            number = len(result.repeat) if isinstance(result, Delivered) else len(batch.items)
            log.log(level, "ratchet: %s will be sent again: %s", f"{number} {batch.route}", visible(reason))
        for _, item in result.amended if isinstance(result, Delivered) else ():
            self.report_fields(item)
        for index, reason in result.refused if isinstance(result, Delivered) else ():
            item = batch.items[index]
            log.warning("ratchet: %s %s was refused: %s", item.route, visible(str(item.id)), visible(reason))


def report_unsent(item_id: str, reason: str) -> None:
    """Log that an item has no JSON."""
    log.warning("ratchet: %s was not sent: %s", visible(str(item_id)), visible(reason))


def reason_to_repeat(batch: Batch, result: Outcome) -> str | None:
    """Return why items of `batch` are sent again; None where the server has answered for all."""
    if isinstance(result, Delivered) and result.repeat:
        return f"the server failed for {len(result.repeat)} of {len(batch.items)}"
    return result.reason if isinstance(result, Retry) else None


def report_varying_names(names: list[str]) -> None:
    """Log prompt names that reached many different defaults."""
    for name in names:
        why = "use variables, so that it stays one prompt whose quality is measured"
        log.warning("ratchet: %s had %d different defaults so far: %s", visible(str(name)), MANY_DOCUMENTS, why)


def report_closed(left: int) -> None:
    """Log the number of items that `close` left unsent."""
    log.warning("ratchet: closed with %d items unsent", left)
