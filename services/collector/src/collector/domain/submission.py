"""Whether a submission on Kafka was signed by whom it names, lately. Pure."""

from datetime import datetime, timedelta

from ratchet.signing import is_submission
from shared.events.feedback import FeedbackSubmitted
from shared.problems import invalid

OLDEST = timedelta(days=7)
"""Of a submission: less than a receipt is kept, so that whoever sends an old one again is known to repeat it."""


def is_signed(event: FeedbackSubmitted, hashed_secret: str) -> bool:
    """Whether whoever has the key with this hash signed exactly this submission."""
    return is_submission(
        hashed_secret, event.key_id, event.submitted_at, event.idempotency_key, event.body, event.signature
    )


def check_age(submitted_at: str, now: datetime) -> None:
    """Raises Problem 422 for a time that can't be read, or is older than `OLDEST`."""
    try:
        age = now - datetime.fromisoformat(submitted_at)
    except (ValueError, TypeError):
        raise invalid("submitted_at", "must be an ISO 8601 time with an offset") from None
    if age > OLDEST:
        raise invalid("submitted_at", f"is more than {OLDEST.days} days ago")
