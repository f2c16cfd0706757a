"""Clock skew of an app, from the header `Date` of its request (RFC 9110, section 6.6.1)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

NO_SKEW = timedelta(0)


def clock_skew(date: bytes, now: datetime) -> timedelta:
    """Return how far the app's clock is ahead of `now`; zero where the header is malformed."""
    sent = _parsed(date)
    return NO_SKEW if sent is None else sent - now


@lru_cache(maxsize=64)
def _parsed(date: bytes) -> datetime | None:
    """Return the parsed header. Cached: all requests of one second have the same."""
    try:
        found = parsedate_to_datetime(date.decode("ascii"))
    except (ValueError, TypeError, IndexError, OverflowError):  # all raised by the standard library's parser
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
