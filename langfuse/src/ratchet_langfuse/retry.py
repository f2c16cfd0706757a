"""Delays before retries of a request."""

from datetime import datetime
from email.utils import parsedate_to_datetime

MOST_TRIES = 5
"""Maximum number of attempts while the server fails."""
MOST_REFUSALS = 20
"""Maximum number of successive 429 responses."""
MAX_RETRY_AFTER = 120.0
"""Maximum Retry-After in seconds."""
_DEFAULT_RETRY_AFTER = 10.0


def delay_after_failures(tries: int) -> float | None:
    """Return the seconds to wait after `tries` successive failures: 1, 2, 4, 8; None to give up."""
    return 2.0 ** (tries - 1) if tries < MOST_TRIES else None


def delay_after_refusals(refusals: int, retry_after: str | None, now: datetime) -> float | None:
    """Return the seconds to wait after `refusals` responses 429; None to give up."""
    wait = parse_retry_after(retry_after, now)
    return wait if refusals < MOST_REFUSALS and wait <= MAX_RETRY_AFTER else None


def parse_retry_after(retry_after: str | None, now: datetime) -> float:
    """Return the seconds of a `Retry-After` (number or date) from `now`; 10 if it is missing or invalid."""
    if retry_after is None:
        return _DEFAULT_RETRY_AFTER
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without an offset
        return _DEFAULT_RETRY_AFTER
