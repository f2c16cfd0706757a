"""What an unfinished evaluation waits for, in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluator.domain.waiting_reasons import waiting_reason

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"dataset": "lumen"}, "no golden set named lumen of the target bot is published"),
        ({"shown_state": "waiting to start"}, "its golden set is published; it starts within seconds"),
        (
            {"shown_state": "waiting to start", "published_at": NOW - timedelta(seconds=61)},
            "its golden set is published, but it has not started for a minute: the evaluator's log says why",
        ),
        ({"shown_state": "queued", "served_before": 3}, "workers answer 3 evaluations that were requested before it"),
        (
            {"shown_state": "waiting for judges", "judge_deadline": NOW},
            "its answers wait for judges until 2026-01-01 12:00 UTC; then the other evaluators decide alone",
        ),
        ({"shown_state": "waiting for judges"}, "its answers wait for judges"),
        ({"shown_state": "running"}, None),
        ({"shown_state": "completed"}, None),
    ],
)
def test_the_reason_names_what_is_missing(parts: dict[str, Any], reason: str | None) -> None:
    view = {
        "shown_state": "waiting for a dataset", "target": "bot", "dataset": None, "name": "answer", "served_before": 0,
        "requested_at": NOW - timedelta(hours=1), "published_at": NOW, "judge_deadline": None,
    }  # fmt: skip
    assert waiting_reason({**view, **parts}, NOW) == reason
