"""Repeated log records of a library are rate-limited during an outage; all others are logged."""

import io
import logging

from shared.runtime.log import RateLimitFilter, logger
from tests.support.in_process import logging_to


class Seconds:
    """A clock that changes only when it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def line(name: str, number: int = 1) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "file.py", number, "no broker", None, None)


def test_each_line_of_aiokafka_is_logged_once_in_ten_seconds() -> None:
    seconds = Seconds()
    limiter = RateLimitFilter(seconds)
    assert [limiter.filter(line("aiokafka.client")) for _ in range(3)] == [True, False, False]
    seconds.now += 9.9
    assert not limiter.filter(line("aiokafka.client"))
    seconds.now += 0.1
    assert limiter.filter(line("aiokafka.client"))


def test_other_lines_and_loggers_are_not_limited() -> None:
    limiter = RateLimitFilter(Seconds())
    assert limiter.filter(line("aiokafka.client", 1))
    assert limiter.filter(line("aiokafka.client", 2))
    assert limiter.filter(line("aiokafka.consumer", 1))
    assert all(limiter.filter(line("shared.messaging.bus")) for _ in range(3))


def test_logging_of_a_system_in_this_process_is_undone() -> None:
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    with logging_to(stream):
        logger(__name__).info("started")
        assert '"event": "started"' in stream.getvalue()
    logger(__name__).info("stopped")
    assert (root.handlers[:], root.level) == before
    assert "stopped" not in stream.getvalue()
