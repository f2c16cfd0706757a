"""Whether an instance serves what is live, by its report."""

from datetime import UTC, datetime

import pytest

from gatekeeper.domain.instance_reports import (
    ExpectedVersion,
    InstanceReport,
    PromptInstances,
    PromptReport,
    count_instances,
    serving_state,
)

LIVE = ExpectedVersion("answer", 7, "d7")
ARMS = ExpectedVersion("answer", 8, "d7", "c", 500)


@pytest.mark.parametrize(
    ("report", "live", "state"),
    [
        (PromptReport("answer", 7, "d7"), LIVE, "serving"),
        (PromptReport("answer", 6, "d6"), LIVE, "stale"),
        (PromptReport("answer"), LIVE, "stale"),
        (PromptReport("answer", 7, "other"), LIVE, "stale"),
        (PromptReport("answer", 6, "d6", refused_sequence=7, refusal="forged"), LIVE, "refusing"),
        (PromptReport("answer", 6, "d6", refused_sequence=None, refusal="malformed"), LIVE, "refusing"),
        (PromptReport("answer", 6, "d6", refused_sequence=6, refusal="older"), LIVE, "stale"),
        (PromptReport("answer", 8, "d7", "c", 500), ARMS, "serving"),
        (PromptReport("answer", 8, "d7", "c", 100), ARMS, "stale"),
        (PromptReport("answer", 8, "d7"), ARMS, "stale"),
    ],
)
def test_state(report: PromptReport, live: ExpectedVersion, state: str) -> None:
    assert serving_state(report, live) == state


def test_instances_are_counted_by_prompt() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    reports = [
        InstanceReport("a", "python", now, (PromptReport("answer", 7, "d7"), PromptReport("unknown"))),
        InstanceReport("b", "python", now, (PromptReport("answer", 6, "d6"),)),
        InstanceReport("c", "python", now, (PromptReport("other"),)),
    ]
    unused = ExpectedVersion("unused", 1, "d")
    found = count_instances(reports, {"answer": LIVE, "unused": unused})
    assert found == [PromptInstances(LIVE, 2, 1, 1, 0), PromptInstances(unused, 0, 0, 0, 0)]
