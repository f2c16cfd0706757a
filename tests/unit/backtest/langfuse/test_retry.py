"""When to ask again."""

from datetime import UTC, datetime

import pytest

from ratchet_backtest.langfuse.retry import MOST_REFUSALS, failed, limited, retry_message

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_server_that_fails_is_asked_again_four_times() -> None:
    assert [failed(tries) for tries in range(1, 6)] == [1.0, 2.0, 4.0, 8.0, None]


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
def test_it_is_waited_as_long_as_the_server_asks(header: str | None, seconds: float) -> None:
    assert retry_message(header, NOW) == seconds
    assert limited(1, header, NOW) == seconds


def test_nobody_waits_for_ever() -> None:
    assert limited(1, "121", NOW) is None
    assert limited(MOST_REFUSALS, "1", NOW) is None
    assert limited(1, "9" * 400, NOW) is None
