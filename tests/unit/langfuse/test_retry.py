"""When requests are retried."""

from datetime import UTC, datetime

import pytest

from ratchet_langfuse.retry import MOST_REFUSALS, delay_after_failures, delay_after_refusals, parse_retry_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_failing_server_is_retried_four_times() -> None:
    assert [delay_after_failures(tries) for tries in range(1, 6)] == [1.0, 2.0, 4.0, 8.0, None]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("Sun, 01 Mar 2026 12:00:20 GMT", 20.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", 10.0),
        ("Sun, 01 Mar 2026 12:00:20 -0000", 10.0),
        (None, 10.0),
    ],
)
def test_wait_is_as_long_as_the_server_asks(header: str | None, seconds: float) -> None:
    assert parse_retry_after(header, NOW) == seconds
    assert delay_after_refusals(1, header, NOW) == seconds


def test_total_wait_is_limited() -> None:
    assert delay_after_refusals(1, "121", NOW) is None
    assert delay_after_refusals(MOST_REFUSALS, "1", NOW) is None
    assert delay_after_refusals(1, "9" * 400, NOW) is None
