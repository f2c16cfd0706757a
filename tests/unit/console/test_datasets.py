"""The pages of datasets: what people see before they accept a case, and what they may do."""

from typing import Any

import pytest

from console.domain.dataset_cases import case_row
from tests.support.console import DIGEST, NOW, FakeServices, console_client

VERSION = {
    "version": 2, "target": "bot", "digest": DIGEST, "cases": 1200, "clusters": 41, "protected": 3,
    "published_at": NOW, "published_by": "ann",
}  # fmt: skip
DATASET = {
    "name": "returns", "target": "bot <b>", "description": "From May \u202e", "licence": "CC0-1.0", "created_at": NOW,
    "created_by": "ann", "cases": {"proposed": 2, "accepted": 1200, "rejected": 1}, "latest": VERSION,
}  # fmt: skip


def dataset_case(case_id: str, state: str = "proposed", **fields: Any) -> dict[str, Any]:
    case = {
        "input": "How long?", "variables": {}, "contexts": None, "expected": None, "reference": None,
        "evaluators": [{"name": "contains", "values": ["30 days"]}, {"name": "refusal"}], "id": case_id, "tags": [],
        "protected": False, "parent": None, "origin": None, "consent": None, **fields,
    }  # fmt: skip
    reviewed = {} if state == "proposed" else {"reviewed_at": NOW, "reviewed_by": "bob"}
    return {
        "id": case_id, "digest": DIGEST, "state": state, "case": case, "added_at": NOW, "added_by": "ann",
        "reviewed_at": None, "reviewed_by": None, "near_duplicates": [], **reviewed,
    }  # fmt: skip


@pytest.fixture
def with_dataset(api: FakeServices) -> FakeServices:
    near = {"near_duplicates": [{"id": "b/..", "similarity": 0.913}]}
    items = [
        {**dataset_case("a", input="<script>x</script>", tags=["t<i>"], protected=True, parent="b/.."), **near},
        dataset_case("b/..", origin="execution:e1"),
        dataset_case("c", "accepted"),
        dataset_case("d", "rejected"),
    ]
    api.answers |= {
        "/v1/datasets": {"items": [DATASET, {**DATASET, "name": "new", "latest": None}], "next": "more"},
        "/v1/datasets/returns": DATASET,
        "/v1/datasets/returns/cases": {"items": items, "next": "after"},
        "/v1/datasets/returns/versions": {"items": [VERSION], "next": None},
    }
    return api


async def test_datasets_are_listed_with_what_waits(with_dataset: FakeServices) -> None:
    async with console_client(with_dataset) as client:
        page = (await client.get("/datasets")).text
    assert 'href="/datasets/returns"' in page
    assert "version 2: 1,200 cases, 41 independent" in page
    assert "not yet" in page
    assert "bot &lt;b&gt;" in page
    assert "From May &lt;U+202E&gt;" in page
    assert "cursor=more" in page


async def test_without_a_dataset_the_page_says_how_to_make_one(api: FakeServices) -> None:
    api.answers["/v1/datasets"] = {"items": [], "next": None}
    async with console_client(api) as client:
        assert "ratchet dataset push" in (await client.get("/datasets")).text


async def test_a_case_is_shown_with_all_that_a_decision_needs(with_dataset: FakeServices) -> None:
    async with console_client(with_dataset) as client:
        page = (await client.get("/datasets/returns?state=proposed")).text
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page
    assert "<b>b/..</b> (91 %)" in page
    assert "derived from b/.." in page
    assert "from execution:e1" in page
    assert "contains {&#34;values&#34;: [&#34;30 days&#34;]}" in page
    assert page.count('data-api="/v1/datasets/returns/reviews"') == 7, "2 + 2 + 1 + 1 buttons, and one for all shown"
    assert "Accept 2 shown" in page
    assert with_dataset.queries("/v1/datasets/returns/cases")[0]["state"] == "proposed"
    assert "state=proposed&amp;cursor=after" in page
    assert f'href="/v1/datasets/returns/versions/{DIGEST.replace(":", "%3A")}/export"' in page


async def test_viewers_see_no_buttons(with_dataset: FakeServices) -> None:
    with_dataset.sign_in("read", role="viewer")
    async with console_client(with_dataset) as client:
        page = (await client.get("/datasets/returns")).text
    assert "/reviews" not in page
    assert 'data-opens="publish"' not in page
    assert "Only makers and reviewers" in page


async def test_an_unknown_dataset_is_not_found(api: FakeServices) -> None:
    async with console_client(api) as client:
        assert (await client.get("/datasets/nothing")).status_code == 404


def test_parts_that_a_case_lacks_are_left_out() -> None:
    row = case_row(
        dataset_case(
            "a", input=None, variables={"q": "é"}, expected={"days": 30}, reference="Thirty days.",
            contexts=[{"id": "c1", "text": "Returns"}, {"id": "c2", "text": "Shoes"}],
        )
    )  # fmt: skip
    assert row.question == "(variables only)"
    assert dict(row.parts) == {
        "Variables": '{"q": "é"}', "Expected": '{"days": 30}', "Reference": "Thirty days.",
        "Contexts": "c1: Returns\nc2: Shoes", "Evaluated by": 'contains {"values": ["30 days"]}\nrefusal',
    }  # fmt: skip
    assert [label for label, _ in case_row(dataset_case("a")).parts] == ["Evaluated by"]
