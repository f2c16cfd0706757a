"""How wrong the clock of an app is, by the Date that its request carries (RFC 9110, section 6.6.1)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

NO_SKEW = timedelta(0)


def clock_skew(date: bytes, now: datetime) -> timedelta:
    """How far a request's Date is ahead of `now`; zero where it can't be read."""
    sent = _parsed(date)
    return NO_SKEW if sent is None else sent - now


@lru_cache(maxsize=64)
def _parsed(date: bytes) -> datetime | None:
    """Cached, since all requests of a second carry the same."""
    try:
        found = parsedate_to_datetime(date.decode("ascii"))
    except (ValueError, TypeError, IndexError, OverflowError):  # the standard library's parser raises all of these
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
