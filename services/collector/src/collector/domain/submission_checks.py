"""Checks of a submission on Kafka: its signature and its age. Pure."""

from datetime import datetime, timedelta

from ratchet.signing import is_submission
from shared.events.feedback import SubmittedItem
from shared.problems import invalid

MAX_AGE = timedelta(days=7)
"""Maximum age. It is less than the retention of receipts, so that a replayed submission is a duplicate."""


def is_signed(event: SubmittedItem, hashed_secret: str) -> bool:
    """Tell whether the owner of the key with this hash signed exactly this submission."""
    facts = (event.topic, event.key_id, event.submitted_at, event.idempotency_key, event.body)
    return is_submission(hashed_secret, *facts, event.signature)


def check_not_too_old(submitted_at: str, now: datetime) -> None:
    """Check that a submission is at most `MAX_AGE` old. Raises Problem 422, also for a malformed time."""
    try:
        age = now - datetime.fromisoformat(submitted_at)
    except (ValueError, TypeError):
        raise invalid("submitted_at", "must be an ISO 8601 time with an offset") from None
    if age > MAX_AGE:
        raise invalid("submitted_at", f"must be at most {MAX_AGE.days} days ago")
