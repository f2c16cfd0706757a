"""The page of judges: digest, agreement, spend, and why nothing is judged."""

from typing import Any

import pytest

from console.domain.judge_rows import agreement_words, limit_words, spend_words
from tests.support.console import DIGEST, NOW, FakeServices, console_client

SPEND = {"calls": 12, "input_tokens": 9000, "output_tokens": 400, "usd": 0.0123, "estimated_calls": 0}
KAPPA = {"value": 0.61, "low": 0.48, "high": 0.72, "n": 1240, "clusters": 1240, "level": 0.95}
JUDGE: dict[str, Any] = {
    "name": "helpful <b>", "method": "rubric", "rubric": "r", "model": "m<i>", "digest": DIGEST, "anchors": 1,
    "agreement": KAPPA, "segments": [{"segment": "de", **KAPPA, "low": None, "high": None, "n": 12}], "decides": True,
    "reason": "kappa 0.61: it decides", "today": {"known": 11, "unknown": 1, **SPEND},
}  # fmt: skip
RULE: dict[str, Any] = {
    "target": "bot <b>", "judge": "helpful", "rate": 0.05, "stratify_by": "language", "confidence": None,
    "daily_calls": 500, "daily_tokens": None, "daily_usd": 2.0, "judge_proposals": True,
    "waiting": 1203, "idle_reason": "no key <x>",
    "today": {"known": 11, "unknown": 1, "dropped": 2, "unknown_reasons": [{"reason": "refused", "n": 1}], **SPEND},
    "last_judged_at": NOW,
}  # fmt: skip


@pytest.fixture
def with_judges(api: FakeServices) -> FakeServices:
    unlabelled = {**JUDGE, "name": "new", "agreement": None, "segments": [], "decides": False}
    api.answers |= {
        "/v1/judges": {"items": [JUDGE, unlabelled], "available": False, "next": None},
        "/v1/judging": {"items": [RULE, {**RULE, "last_judged_at": None, "idle_reason": None}], "available": False},
    }
    return api


async def test_a_judge_is_shown_with_its_agreement_and_spend(with_judges: FakeServices) -> None:
    async with console_client(with_judges) as client:
        page = (await client.get("/judges")).text
    assert "0.61 [0.48, 0.72]" in page
    assert "1,240" in page
    assert "0.61, too few for an interval" in page
    assert "unknown" in page
    assert "12 calls, 9,400 tokens, $0.0123" in page
    assert "at most 500 calls, $2.0000 a day" in page
    assert "also of proposals’ evaluations" in page
    assert "unknown, 1 times: refused" in page
    assert "RATCHET_JUDGE_URL" in page
    assert "not judged in time" in page
    assert "no key &lt;x&gt;" in page
    assert "helpful &lt;b&gt;" in page
    assert "helpful <b>" not in page
    assert "m<i>" not in page


async def test_without_judges_the_page_says_how_to_make_one(api: FakeServices) -> None:
    api.answers |= {
        "/v1/judges": {"items": [], "available": True, "next": None},
        "/v1/judging": {"items": [], "available": True, "next": None},
    }
    async with console_client(api) as client:
        page = (await client.get("/judges")).text
    assert "PUT /v1/judges/NAME" in page


def test_unknown_is_never_shown_as_fine() -> None:
    assert agreement_words(None).text == "unknown"
    assert agreement_words({**KAPPA, "value": None}).known is False
    assert spend_words({**SPEND, "calls": 0}) == "nothing"
    assert spend_words({**SPEND, "calls": 1, "usd": None}) == "1 call, 9,400 tokens, cost unknown"
    assert limit_words({**RULE, "daily_calls": None, "daily_usd": None}) == "no limit of its own"
    assert limit_words({**RULE, "daily_tokens": 5000}) == "at most 500 calls, 5,000 tokens, $2.0000 a day"
