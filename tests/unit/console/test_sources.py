"""The page of sources."""

from typing import Any

import pytest

from console.domain.pull_rows import pull_row
from tests.support.console import NOW, FakeServices, console_client

PULL: dict[str, Any] = {
    "name": "support",
    "kind": "langfuse",
    "target": "rag <bot>",
    "state": "ok",
    "interval_s": 300.0,
    "started_at": NOW,
    "succeeded_at": NOW,
    "read_until": NOW,
    "lag_s": 700.0,
    "error": None,
    "executions": 12345,
    "feedback": 6,
    "refused": 0,
    "refusal": None,
    "changed": 0,
    "low_reward": 0,
    "negative_feedback": 0,
    "searches": [
        {"flag": "low_reward", "metric": "score.reward", "max": 0.49},
        {"flag": "negative_feedback", "metric": "thumb.user-feedback", "max": 0.0},
    ],
    "scores_written": 0,
    "scores_refused": 0,
}
ERROR = {"code": "access-denied", "message": "https://l.test rejects the keys", "at": NOW}


async def page_of(api: FakeServices, *pulls: dict[str, Any]) -> str:
    api.answers["/v1/pulls"] = {"items": list(pulls)}
    async with console_client(api) as client:
        answer = await client.get("/sources")
    assert answer.status_code == 200
    return answer.text


async def test_without_pulls_the_page_says_how_to_begin(api: FakeServices) -> None:
    page = await page_of(api)
    assert "Nothing is pulled" in page
    assert "RATCHET_PULLS" in page


async def test_healthy_pull_is_a_row(api: FakeServices) -> None:
    page = await page_of(api, PULL)
    assert "up to date" in page
    assert "12,345" in page
    assert "rag &lt;bot&gt;" in page
    assert "note bad" not in page


async def test_failing_pull_comes_first_with_its_cause_and_what_to_do(api: FakeServices) -> None:
    page = await page_of(api, {**PULL, "name": "fine"}, {**PULL, "name": "broken", "error": ERROR})
    assert "https://l.test rejects the keys" in page
    assert "Check the keys that the collector has" in page
    rows = page[page.index("<tbody>") :]
    assert rows.index("broken") < rows.index("fine")


async def test_flags_link_to_the_executions_that_have_them(api: FakeServices) -> None:
    page = await page_of(api, {**PULL, "low_reward": 3, "negative_feedback": 4})
    assert "3 low rewards" in page
    assert 'href="/executions?target=rag+%3Cbot%3E&amp;metric=score.reward&amp;max=0.49"' in page
    assert "metric=thumb.user-feedback&amp;max=0.0" in page


async def test_what_was_not_taken_is_shown_with_the_reason(api: FakeServices) -> None:
    counts = {"refused": 2, "refusal": "too large", "changed": 5, "scores_refused": 1, "scores_written": 9}
    page = await page_of(api, {**PULL, **counts})
    for text in ("2 refused", "last: too large", "5 changed later", "1 scores refused", "9 scores written back"):
        assert text in page


@pytest.mark.parametrize(
    ("fields", "state", "bad"),
    [
        ({}, "up to date", False),
        ({"succeeded_at": None, "read_until": None, "lag_s": None}, "first run", False),
        ({"lag_s": 1499.0}, "up to date", False),
        ({"lag_s": 1501.0}, "late", True),
        ({"lag_s": 9999.0, "error": ERROR}, "failing", True),
    ],
)
def test_state_in_words(fields: dict[str, Any], state: str, bad: bool) -> None:
    row = pull_row({**PULL, **fields})
    assert (row.state, row.is_bad) == (state, bad)


async def test_pull_from_logs_is_named_and_says_what_to_check(api: FakeServices) -> None:
    error = {**ERROR, "code": "invalid-answer", "message": "CloudWatch Logs refuses the query: MalformedQueryException"}
    page = await page_of(api, {**PULL, "kind": "cloudwatch", "error": error})
    assert "CloudWatch Logs ·" in page
    assert "Check the address, or the log groups and the query, of this pull" in page
