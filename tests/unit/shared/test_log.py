"""Logs: what a library repeats while a broker is away is said once in a while; all else always."""

import logging

from shared.runtime.log import RateLimitFilter


class Seconds:
    """A clock that stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def line(name: str, number: int = 1) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "file.py", number, "no broker", None, None)


def test_a_line_of_aiokafka_speaks_once_in_ten_seconds() -> None:
    seconds = Seconds()
    calm = RateLimitFilter(seconds)
    assert [calm.filter(line("aiokafka.client")) for _ in range(3)] == [True, False, False]
    seconds.now += 9.9
    assert not calm.filter(line("aiokafka.client"))
    seconds.now += 0.1
    assert calm.filter(line("aiokafka.client"))


def test_other_lines_and_other_loggers_are_not_held_back() -> None:
    calm = RateLimitFilter(Seconds())
    assert calm.filter(line("aiokafka.client", 1))
    assert calm.filter(line("aiokafka.client", 2))
    assert calm.filter(line("aiokafka.consumer", 1))
    assert all(calm.filter(line("shared.messaging.bus")) for _ in range(3))
