"""What becomes of an answer, by the reservation of its task."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from evaluator.domain.reservations import ReservationState, TaskReservation, judge_skip, judge_submission

ENDS = datetime(2026, 1, 1, 12, tzinfo=UTC)
OURS, ANOTHER = UUID(int=1), UUID(int=2)
BEFORE = timedelta(microseconds=-1)


def reservation(state: ReservationState = "reserved") -> TaskReservation:
    return TaskReservation(OURS, state, ENDS, {"good": True} if state == "submitted" else None)


@pytest.mark.parametrize(("later", "outcome"), [(BEFORE, "accepted"), (timedelta(), "lost"), (-BEFORE, "lost")])
def test_a_reservation_ends_at_its_time(later: timedelta, outcome: str) -> None:
    """At that moment another person may reserve the task."""
    assert judge_submission(reservation(), OURS, {"good": True}, ENDS + later) == outcome
    assert judge_skip(reservation(), OURS, ENDS + later) == outcome


def test_another_token_or_none_is_lost() -> None:
    for found, token in ((reservation(), ANOTHER), (reservation("submitted"), ANOTHER), (None, OURS)):
        assert judge_submission(found, token, {"good": True}, ENDS + BEFORE) == "lost"
        assert judge_skip(found, token, ENDS + BEFORE) == "lost"


def test_a_repeated_request_changes_nothing_also_after_the_end() -> None:
    late = ENDS + timedelta(days=1)
    assert judge_submission(reservation("submitted"), OURS, {"good": True}, late) == "repeated"
    assert judge_submission(reservation("submitted"), OURS, {"good": False}, late) == "changed"
    assert judge_skip(reservation("skipped"), OURS, late) == "repeated"
    assert judge_submission(reservation("skipped"), OURS, {"good": True}, ENDS + BEFORE) == "lost"
    assert judge_skip(reservation("submitted"), OURS, ENDS + BEFORE) == "lost"
