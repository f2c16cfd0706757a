"""Pages of executions: filters, one execution, a trace."""

from typing import Any

import pytest

from tests.support.console import DIGEST, NOW, FakeServices, console_client

EVIL = "<script>x</script>"
THUMB = {
    "id": "f1", "kind": "thumb", "source": "explicit", "key_scope": "ingest", "name": None, "metric": "thumb",
    "value": 0.0, "label": None, "text": None, "user": "k1:ab", "replaced": False, "occurred_at": NOW,
    "received_at": NOW,
}  # fmt: skip


def summary(**fields: Any) -> dict[str, Any]:
    """Return an execution as in the API's lists."""
    return {
        "id": "a/b", "target": "bot", "trace_id": "t/1", "parent_id": None, "occurred_at": NOW, "received_at": NOW,
        "prompts": [{"name": "answer", "digest": DIGEST, "version": None}], "model": "m", "arm": "base",
        "user": "k1:ab", "session": "s1", "outcome": "error", "usage": {"input_tokens": 1200, "output_tokens": None},
        "cost": 0.0021, "latency_ms": 840.0, "scores": {"helpful": 0.5}, "feedback": [THUMB],
        "input_excerpt": EVIL, "output_excerpt": None, **fields,
    }  # fmt: skip


@pytest.fixture
def executions(api: FakeServices) -> FakeServices:
    api.answers["/v1/executions"] = {"items": [summary()], "next": "Wzld", "searched": None}
    api.answers["/v1/quality"] = {"items": [{"target": "bot"}], "next": None, "uncounted": {}}
    return api


async def get(api: FakeServices, path: str) -> str:
    async with console_client(api) as client:
        return (await client.get(path)).text


async def test_list_shows_figures_and_links(executions: FakeServices) -> None:
    page = await get(executions, "/executions")
    for expected in (
        'href="/executions/a%2Fb"', 'href="/traces/t%2F1"', "840 ms", "$0.0021", "1,200 → ?", "thumb down",
        "helpful 0.5", "&lt;script&gt;", ">error</span>", "cursor=Wzld", 'href="/v1/executions/export?format=csv"',
    ):  # fmt: skip
        assert expected in page, expected
    assert EVIL not in page


async def test_filters_are_in_the_address_and_sent_to_the_api(executions: FakeServices) -> None:
    page = await get(executions, "/executions?target=bot&q=&outcome=error&since=2026-01-02T03:04&min=5&metric=thumb")
    assert executions.queries("/v1/executions") == [
        {"target": "bot", "outcome": "error", "since": "2026-01-02T03:04:00+00:00", "metric": "thumb", "min": "5",
         "limit": "50"}
    ]  # fmt: skip
    assert 'value="2026-01-02T03:04:00"' in page
    assert '<option value="error" selected>' in page
    assert 'details class="more-facts" open' in page
    assert "/v1/executions/export?target=bot&amp;outcome=error" in page
    assert "target=bot&amp;outcome=error&amp;since=2026-01-02T03%3A04%3A00%2B00%3A00" in page


async def test_wrong_filters_are_explained_on_the_page(executions: FakeServices) -> None:
    problem = {"code": "invalid", "title": "No", "detail": "min: must be a number", "status": 422}
    executions.answers["/v1/executions"] = (422, problem)
    page = await get(executions, "/executions?min=x&since=soon")
    assert "min: must be a number" in page
    assert 'value="x"' in page
    assert "match" not in page


async def test_search_says_how_much_it_searched(executions: FakeServices) -> None:
    executions.answers["/v1/executions"] = {"items": [], "next": "Wzld", "searched": 5000}
    page = await get(executions, "/executions?q=words")
    assert "5,000 executions" in page
    assert "Search older ones" in page
    assert "No executions match" in page


async def test_list_without_data_and_without_the_analyzer(executions: FakeServices) -> None:
    executions.answers |= {"/v1/executions": {"items": [], "next": None, "searched": None}, "/v1/quality": None}
    assert "No executions yet" in await get(executions, "/executions")


async def test_execution_shows_all_that_was_sent(api: FakeServices) -> None:
    replaced = {**THUMB, "id": "f2", "value": 1.0, "replaced": True, "key_scope": "browser-ingest"}
    comment = {**THUMB, "id": "f3", "kind": "comment", "metric": None, "value": None, "text": EVIL}
    whole = {
        **summary(parent_id="p/1", feedback=[replaced, THUMB, comment]), "input": EVIL, "output": None,
        "contexts": ["first", "second"], "tools": ["search"], "parameters": {"temperature": "0.2"},
        "attributes": {"route": "chat"}, "consent": {}, "clock_skew_s": 3600, "revision": 3,
    }  # fmt: skip
    api.answers["/v1/executions/a/b"] = whole
    page = await get(api, "/executions/a%2Fb")
    for expected in (
        "completed 2 times", "off by 3600 s", "Not sent.", "first", "second", "<code>search</code>", "temperature",
        "route", "replaced by a later one", "sent with a public key", 'href="/executions/p%2F1"', "&lt;script&gt;",
        'href="/executions?user_hash=k1%3Aab"', 'href="/prompts/answer"',
    ):  # fmt: skip
        assert expected in page, expected
    assert EVIL not in page


async def test_unknown_execution_is_a_page(api: FakeServices) -> None:
    api.refuse("/v1/executions/x", 404, "execution-unknown")
    async with console_client(api) as client:
        assert (await client.get("/executions/x")).status_code == 404


async def test_trace_is_a_tree_with_offsets(api: FakeServices) -> None:
    nodes = [
        {**summary(), "depth": 0, "offset_ms": 0.0},
        {**summary(id="c", outcome="ok", feedback=[], scores={}), "depth": 12, "offset_ms": 1500.0},
        {**summary(id="d", latency_ms=None, outcome="ok", feedback=[], scores={}), "depth": 1, "offset_ms": None},
    ]
    api.answers["/v1/traces/t/1"] = {
        "trace_id": "t/1", "items": nodes, "truncated": True, "started_at": None, "cost": 0.5, "input_tokens": 7,
        "output_tokens": None,
    }  # fmt: skip
    page = await get(api, "/traces/t%2F1")
    for expected in (
        'class="depth-0"', 'class="depth-8"', "level 13", "+1,500 ms", "start unknown", "latency unknown",
        "<dd>unknown</dd>", "$0.5000", "7 → ?",
        "the trace has more", 'aria-current="page">Executions', '<rect x="641.0" width="359.0"',
    ):  # fmt: skip
        assert expected in page, expected
