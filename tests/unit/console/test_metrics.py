"""The metrics page: undeclared metrics are declared with one click, and values not counted are listed."""

from typing import Any

from console.domain.metric_rows import metric_targets
from tests.support.console import FakeServices, console_client

ITEM: dict[str, Any] = {
    "target": "bot", "metric": "score.wordiness", "kind": "score", "direction": "undeclared", "origin": "kind",
    "unit": "score", "scale": [0.0, 1.0], "aggregation": "mean", "floor_pp": 5.0, "safety": False, "labels": {},
    "declared": {"scale": [0, 10]}, "declared_for": None, "n": 1234, "uncounted": [],
    "implicit": False, "weight": 1.0, "confidence": 1.0,
}  # fmt: skip
OUT = {"reason": "out_of_range", "word": None, "n": 3, "low": -1.0, "high": 8.0, "latest": "2026-01-01T00:00:00Z"}
WORD = {**OUT, "reason": "unknown_label", "word": "partially <b>", "low": None, "high": None}


async def page(api: FakeServices, *items: dict[str, Any]) -> str:
    api.answers["/v1/metrics"] = {"items": list(items), "next": None}
    async with console_client(api) as client:
        answer = await client.get("/quality")
    assert answer.status_code == 200
    return answer.text


async def test_declaring_a_direction_keeps_the_other_fields(api: FakeServices) -> None:
    text = await page(api, ITEM)
    assert 'data-api="/v1/metrics/score.wordiness" data-method="PUT"' in text
    assert 'name="direction" value="lower_is_better"' in text
    assert 'name="scale" data-type="json" value="[0, 10]"' in text
    assert "direction not declared" in text
    assert "1,234" in text


async def test_no_button_without_permission_to_declare(api: FakeServices) -> None:
    api.sign_in("read", role="viewer")
    text = await page(api, ITEM)
    assert "direction not declared" in text
    assert "Less is better" not in text


async def test_uncounted_values_are_listed_with_a_remedy(api: FakeServices) -> None:
    labels = {**ITEM, "metric": "label.verdict", "kind": "label", "direction": "higher_is_better", "uncounted": [WORD]}
    text = await page(api, {**ITEM, "uncounted": [OUT]}, labels)
    assert "3 outside the scale: −1 to 8" in text
    assert "ratchet metrics set score.wordiness --scale LOW:HIGH" in text
    assert "3 of a label without a meaning: “partially &lt;b&gt;”" in text


async def test_rejected_values_have_no_definition(api: FakeServices) -> None:
    nothing = dict.fromkeys(("kind", "direction", "origin", "unit", "scale", "aggregation", "floor_pp", "weight"))
    refused = {**OUT, "reason": "no_consent", "low": None, "high": None}
    text = await page(api, {**ITEM, **nothing, "metric": "", "n": 0, "uncounted": [refused]})
    assert "3 without consent to quality" in text


def test_metrics_that_need_attention_come_first() -> None:
    known = {**ITEM, "metric": "a", "direction": "lower_is_better"}
    (target,) = metric_targets([known, {**known, "metric": "b", "uncounted": [OUT]}, ITEM])
    assert [row.name for row in target.rows] == ["score.wordiness", "b", "a"]


def test_declaration_of_the_target_is_the_one_changed() -> None:
    (target,) = metric_targets([{**ITEM, "metric": "score.a/b", "declared_for": "my bot"}])
    assert target.rows[0].api == "/v1/metrics/score.a%2Fb?target=my%20bot"


async def test_implicit_metrics_are_marked_with_their_weight(api: FakeServices) -> None:
    copies = {"metric": "implicit.copy", "kind": "copy", "implicit": True, "weight": 0.5, "confidence": 0.6}
    text = await page(api, ITEM, {**ITEM, **copies, "direction": "higher_is_better"})
    assert text.count(">implicit</span>") == 1
    assert "weight 0.5, confidence 0.6" in text
