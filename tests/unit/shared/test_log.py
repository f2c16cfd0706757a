"""Repeated log records of a library are rate-limited during an outage; all others are logged."""

import logging

from shared.runtime.log import RateLimitFilter


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
