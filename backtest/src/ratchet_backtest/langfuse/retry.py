"""When a request is worth another try, and how long to wait before. Pure: the waiting is done elsewhere."""

from datetime import datetime
from email.utils import parsedate_to_datetime

MOST_TRIES = 5
"""Of one page, while the server fails."""
MOST_REFUSALS = 20
"""Of one page in succession, because of too many requests."""
LONGEST = 120.0
"""Seconds that are waited at most because a server asks to; limits count by the minute."""
_UNTOLD = 10.0


def failed(tries: int) -> float | None:
    """Seconds to wait after the server has failed `tries` times in succession: 1, 2, 4, 8; None is to give up."""
    return 2.0 ** (tries - 1) if tries < MOST_TRIES else None


def limited(refusals: int, retry_after: str | None, now: datetime) -> float | None:
    """Seconds to wait after `refusals` for too many requests; None is to give up."""
    wait = retry_message(retry_after, now)
    return wait if refusals < MOST_REFUSALS and wait <= LONGEST else None


def retry_message(retry_after: str | None, now: datetime) -> float:
    """What a `Retry-After` says, in seconds from `now`: a number or a date; 10 where it says nothing that is known."""
    if retry_after is None:
        return _UNTOLD
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without an offset
        return _UNTOLD
