"""Pages of executions: filters, one execution, a trace."""

import html
import json
import re
from typing import Any

import pytest

from tests.support.console import DIGEST, NOW, FakeServices, console_client
from tests.support.evaluation import golden_case

EVIL = "<script>x</script>"
THUMB = {
    "id": "f1", "kind": "thumb", "source": "explicit", "key_scope": "ingest", "name": None, "metric": "thumb",
    "value": 0.0, "label": None, "text": None, "preference": None, "about": "execution", "mixed": False,
    "user": "k1:ab", "replaced": False, "occurred_at": NOW, "received_at": NOW,
}  # fmt: skip


def summary(**fields: Any) -> dict[str, Any]:
    """Return an execution as in the API's lists."""
    return {
        "id": "a/b", "target": "bot", "trace_id": "t/1", "parent_id": None, "occurred_at": NOW, "received_at": NOW,
        "prompts": [{"name": "answer", "digest": DIGEST, "version": None}], "model": "m", "arm": "base",
        "user": "k1:ab", "session": "s1", "outcome": "error", "region": "eu", "confidentiality": None,
        "usage": {
            "input_tokens": 1200, "output_tokens": None, "cached_input_tokens": 512, "cache_write_tokens": None,
            "reasoning_tokens": None, "total_tokens": 876,
        },
        "cost": 0.0021, "currency": "USD", "latency_ms": 840.0, "time_to_first_token_ms": 120.0,
        "scores": {"helpful": 0.5}, "feedback": [THUMB],
        "input_excerpt": EVIL, "output_excerpt": None, "tool_names": ["mail"], **fields,
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
        'href="/v1/executions/export?format=parquet"', "Export Parquet",
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


async def test_list_of_a_session_shows_feedback_about_it(executions: FakeServices) -> None:
    about = [{**THUMB, "about": "session", "value": 1.0}]
    executions.answers["/v1/executions"] = {"items": [], "next": None, "searched": None, "feedback": about}
    page = await get(executions, "/executions?session=s1")
    assert "Feedback about the session" in page
    assert "thumb up" in page
    assert "about the session" in page


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
    compared = {"chosen": {"text": None, "execution_id": "a/b"}, "rejected": {"text": EVIL, "execution_id": None}}
    preference = {**THUMB, "id": "f4", "kind": "preference", "value": 1.0, "preference": compared}
    copied = {**THUMB, "id": "f5", "kind": "copy", "source": "implicit", "value": 1.0}
    whole = {
        **summary(parent_id="p/1", feedback=[replaced, THUMB, comment, preference, copied]),
        "input": EVIL, "output": None,
        "contexts": [{"id": "faq-3", "text": "first", "score": 0.83}, {"id": EVIL, "text": None, "score": None}],
        "tools": [
            {"name": "search", "arguments": None, "result": None, "outcome": None, "latency_ms": None},
            {"name": "mail", "arguments": '{"to":"x"}', "result": EVIL, "outcome": "timeout", "latency_ms": 35.0},
        ],
        "parameters": {"temperature": "0.2"},
        "attributes": {"route": "chat"}, "consent": {"quality": None, "learning": None}, "clock_skew_s": 3600,
        "revision": 3,
    }  # fmt: skip
    api.answers["/v1/executions/a/b"] = whole
    page = await get(api, "/executions/a%2Fb")
    for expected in (
        "completed 2 times", "off by 3600 s", "Not sent.", "first", "score 0.83", "faq-3", "Only its id was sent.",
        "<code>search</code>", 'href="/executions?tool=mail"', "{&#34;to&#34;:&#34;x&#34;}", "time-out", "35 ms",
        "first token after 120 ms", "876 in total", "of these cached", "temperature",
        "route", "replaced by a later one", "sent with a public key", "Rejected:", "copied (implicit)",
        '<a href="/executions/a%2Fb">a/b</a>', 'href="/executions/p%2F1"', "&lt;script&gt;",
        'href="/executions?user_hash=k1%3Aab"', 'href="/prompts/answer"',
    ):  # fmt: skip
        assert expected in page, expected
    assert "Region, confidentiality</dt><dd>eu<small>confidentiality unknown</small>" in page
    assert EVIL not in page


async def test_execution_names_the_regressions_of_its_target(api: FakeServices) -> None:
    whole = {
        **summary(), "input": None, "output": None, "contexts": [], "tools": [], "parameters": {}, "attributes": {},
        "consent": {"quality": None, "learning": None}, "clock_skew_s": None, "revision": 1,
    }  # fmt: skip
    known = {"id": "r1", "metric": "thumb", "state": "resolved", "affected_executions": ["a/b"]}
    others = [
        {"id": "r2", "metric": "rating", "state": "open", "affected_executions": []},
        {"id": "r3", "metric": "rating", "state": "resolved", "affected_executions": ["x"]},
    ]
    api.answers |= {"/v1/executions/a/b": whole, "/v1/regressions": {"items": [known, *others], "next": None}}
    page = await get(api, "/executions/a%2Fb")
    assert 'href="/regressions/r1"' in page
    assert "rests on this execution" in page
    assert 'href="/regressions/r2"' in page
    assert 'href="/regressions/r3"' not in page
    api.answers["/v1/regressions"] = None
    assert "Regressions of" not in await get(api, "/executions/a%2Fb")


async def test_columns_are_chosen_and_kept_on_older_pages(executions: FakeServices) -> None:
    page = await get(executions, "/executions?column=tools&column=first_token&column=nonsense&column=user")
    headings = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', page)
    assert headings == ["Execution", "First token", "Tools called", "User"]
    for expected in ("120 ms", 'href="/executions?tool=mail"', "column=first_token&amp;column=tools&amp;column=user"):
        assert expected in page, expected
    assert "/v1/executions/export?format=jsonl" in page


async def test_views_are_shown_applied_and_saved(executions: FakeServices) -> None:
    own = {"name": EVIL, "owner": "ann", "own": True, "shared": True, "filters": {"tool": "mail"}, "columns": ["cost"]}
    other = {"name": "slow", "owner": "bob", "own": False, "shared": True, "columns": ["odd"],
             "filters": {"metric": "latency_ms", "min": "900", "of_tomorrow": "x"}}  # fmt: skip
    executions.answers["/v1/views"] = {"items": [own, other]}
    page = await get(executions, "/executions?outcome=refused")
    for expected in (
        '"/executions?tool=mail&amp;column=cost"', '"/executions?metric=latency_ms&amp;min=900"', "by bob",
        'data-method="DELETE"', 'data-api="/v1/views/%3Cscript%3E', "&#34;outcome&#34;: &#34;refused&#34;",
        "&#34;feedback&#34;]",
    ):  # fmt: skip
        assert expected in page, expected
    assert page.count('data-method="DELETE"') == 1
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
        "trace_id": "t/1", "items": nodes, "truncated": True, "started_at": None, "cost": 0.5, "currency": "EUR",
        "input_tokens": 7, "output_tokens": None, "total_tokens": None,
        "feedback": [{**THUMB, "about": "trace", "mixed": True}],
    }  # fmt: skip
    page = await get(api, "/traces/t%2F1")
    for expected in (
        'class="depth-0"', 'class="depth-8"', "level 13", "+1,500 ms", "start unknown", "latency unknown",
        "<dd>unknown</dd>", "0.5000 EUR", "7 → ?",
        "the trace has more", "Feedback about the trace", "several prompt versions answered",
        'aria-current="page">Executions', '<rect x="641.0" width="359.0"',
    ):  # fmt: skip
        assert expected in page, expected


async def test_execution_can_become_a_golden_case_of_its_target_s_sets(api: FakeServices) -> None:
    whole = {
        **summary(), "input": 'Why "this"?', "output": "x", "contexts": [], "tools": [], "parameters": {},
        "attributes": {}, "consent": {"quality": None, "learning": None}, "clock_skew_s": None, "revision": 1,
    }  # fmt: skip
    api.answers |= {"/v1/executions/a/b": whole, "/v1/datasets": {"items": [{"name": "returns"}], "next": None}}
    page = await get(api, "/executions/a%2Fb")
    assert {"target": "bot"}.items() <= dict(api.queries("/v1/datasets")[0]).items()
    assert 'data-api="/v1/datasets/{dataset}/cases"' in page
    cases = [json.loads(html.unescape(found)) for found in re.findall(r'<option value="({[^"]*})"', page)]
    assert {case["evaluators"][0]["name"] for case in cases} == {"refusal", "citations"}
    assert all(golden_case(**case).origin == "execution:a/b" for case in cases)
    assert {(case["user"], case["tags"][0]) for case in cases} == {("k1:ab", "from:execution")}
    api.answers["/v1/executions/a/b"] = {**whole, "consent": {"quality": False, "learning": None}}
    assert "golden set" not in await get(api, "/executions/a%2Fb")
