"""An execution split over a post and completions is measured and stored like a single post."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.metrics.extraction import from_execution
from analyzer.domain.model import Reading
from collector.domain.completion import Completion, complete
from collector.domain.log_entries import merge
from collector.domain.model import Mismatch, NewExecution, Origin, RecordedExecution
from collector.domain.request_context import PseudonymKey, RequestContext
from collector.domain.validation import parse_completion, parse_execution
from collector.ingest.service import outcome_of
from shared.events.feedback import ExecutionRecorded
from shared.problems import Problem

pytestmark = pytest.mark.usefixtures("both_ways")

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONTEXT = RequestContext("key", Origin("shop", "production", NOW), PseudonymKey("k1", b"s" * 32))
FIRST: dict[str, Any] = {"id": "e1", "target": "bot", "prompts": [{"name": "p", "version": "1"}], "trace_id": "t"}
WORDS = st.text("abc", min_size=1, max_size=3)
TOOL_CALLS = st.fixed_dictionaries({"name": WORDS, "arguments": st.just({"q": 1})})
LATER: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "model": WORDS, "input": WORDS, "output": st.just("call +49 170 1234567"), "user": WORDS, "session": WORDS,
        "contexts": st.lists(WORDS, max_size=2), "tools": st.lists(WORDS | TOOL_CALLS, max_size=2), "arm": WORDS,
        "cost": st.floats(0, 9), "time_to_first_token_ms": st.integers(0, 900),
        "latency_ms": st.integers(0, 900), "outcome": st.sampled_from(["ok", "error"]),
        "region": WORDS, "confidentiality": st.sampled_from(["public", "restricted"]),
        "scores": st.dictionaries(WORDS, st.floats(0, 1), max_size=3), "parameters": st.dictionaries(WORDS, WORDS),
        "attributes": st.dictionaries(WORDS, WORDS | st.booleans(), max_size=3),
        "usage": st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "total_tokens"]), st.integers(0, 9)),
    },
)  # fmt: skip
DIVIDED = ("scores", "attributes", "usage")


def new_execution(context: RequestContext = CONTEXT, **fields: Any) -> NewExecution:
    return parse_execution({**FIRST, **fields}, context)


def kept(execution: NewExecution) -> RecordedExecution:
    return RecordedExecution(execution.target, execution.facts, execution.values, 1)


def readings(payloads: list[bytes]) -> Counter[Any]:
    events = [ExecutionRecorded.model_validate_json(payload) for payload in payloads]
    found = chain.from_iterable(from_execution(event) for event in events)
    return Counter((r.dimension, r.uses, r.value, r.former) for r in found if isinstance(r, Reading))


@st.composite
def splits(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A strategy for all fields of an execution, whole and split into up to four parts, objects by their members."""
    whole: dict[str, Any] = draw(LATER)
    parts: list[dict[str, Any]] = [{} for _ in range(draw(st.integers(1, 4)))]
    for name, value in whole.items():
        for key in value if name in DIVIDED else [None]:
            part = parts[draw(st.integers(0, len(parts) - 1))]
            part.update({name: value} if key is None else {name: {**part.get(name, {}), key: value[key]}})
    return whole, parts


@given(splits(), st.data())
def test_any_split_in_any_order_equals_one_post(
    split: tuple[dict[str, Any], list[dict[str, Any]]], data: st.DataObject
) -> None:
    whole, (first, *later) = split
    execution = kept(new_execution(**first))
    events = {"first": new_execution(**first).payload}
    for part in data.draw(st.permutations([*later, *later, first, {}])):
        completion = complete(execution, new_execution(RequestContext(*CONTEXT), **part))
        assert not isinstance(completion, Mismatch)
        if completion is not None:
            execution = completion.execution
            assert completion.event_id not in events
            events[completion.event_id] = completion.payload
    delivered = data.draw(st.permutations(list(events.values())))
    assert readings(delivered) == readings([new_execution(**whole).payload])
    once = new_execution(**whole)
    assert json.loads(once.facts) == _with_empty_values(json.loads(execution.facts), json.loads(once.facts))
    assert complete(execution, once) is None
    assert execution.revision == len(events)


def _with_empty_values(facts: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """Return `facts` with the empty objects and lists of `like`, which are equivalent to absence."""
    return {**{name: value for name, value in like.items() if value in ({}, [])}, **facts}


@pytest.mark.parametrize(
    ("first", "later", "named"),
    [
        ({"output": "a"}, {"output": "b"}, ["output"]),
        ({"cost": 0.0}, {"cost": 1.0}, ["cost"]),
        ({"cost": 1.0}, {"cost": 1.0, "currency": "EUR"}, ["cost"]),
        ({"cost": 1.0, "currency": "EUR"}, {"cost": 1.0, "currency": "CHF"}, ["cost"]),
        ({"latency_ms": 5, "scores": {"x": 1.0}}, {"latency_ms": 6, "scores": {"x": 2.0}}, ["latency_ms", "scores.x"]),
        ({"contexts": ["a"]}, {"contexts": ["b"]}, ["contexts"]),
        ({"contexts": ["a"]}, {"contexts": [{"text": "a", "score": 0.5}]}, ["contexts"]),
        ({"tools": [{"name": "a", "outcome": "ok"}]}, {"tools": ["a"]}, ["tools"]),
        ({"attributes": {"a": "b"}}, {"attributes": {"a": "c"}}, ["attributes.a"]),
        ({"usage": {"input_tokens": 1}}, {"usage": {"input_tokens": 2}}, ["usage.input_tokens"]),
        ({}, {"target": "other"}, ["target"]),
        ({}, {"prompts": [{"name": "q", "version": "1"}]}, ["prompts"]),
        ({"prompts": []}, {}, ["prompts"]),
        ({}, {"consent": {"quality": False}}, ["consent.quality"]),
        ({"user": "ann"}, {"user": "bob"}, ["user"]),
    ],
)
def test_different_value_is_rejected_by_field(first: dict[str, Any], later: dict[str, Any], named: list[str]) -> None:
    changed: dict[str, Any] = {"output": "a", "arm": "new", **later}
    found = complete(kept(new_execution(**first)), new_execution(**changed))
    assert isinstance(found, Mismatch)
    refused = outcome_of(found)
    assert isinstance(refused, Problem)
    assert (refused.status, refused.code) == (409, "id-conflict")
    assert [error["field"] for error in refused.errors] == named


def test_completion_event_has_all_facts_and_only_new_other_fields() -> None:
    first = new_execution(input="Why?", latency_ms=12, scores={"x": 1.0}, contexts=["a"])
    later = RequestContext("key", Origin("shop", "production", NOW + timedelta(minutes=1)), CONTEXT.pseudonym_key)
    completion = complete(
        kept(first), new_execution(later, output="42", scores={"x": 1.0, "y": 0.0}, contexts=["a"], cost=0)
    )
    assert isinstance(completion, Completion)
    event = ExecutionRecorded.model_validate_json(completion.payload)
    assert (event.revision, event.completes) == (2, ("cost", "output", "scores.y"))
    assert (event.facts.input, event.facts.output, event.facts.occurred_at) == ("Why?", "42", NOW)
    assert (event.latency_ms, event.cost, event.scores, event.contexts) == (None, 0.0, {"y": 0.0}, ())
    assert event.received_at == NOW + timedelta(minutes=1)


def test_currency_comes_with_its_cost_once() -> None:
    priced: dict[str, Any] = {"cost": 2, "currency": "EUR"}
    first = complete(kept(new_execution()), new_execution(**priced))
    assert isinstance(first, Completion)
    second = complete(first.execution, new_execution(**priced, latency_ms=5))
    assert isinstance(second, Completion)
    events = [ExecutionRecorded.model_validate_json(each.payload) for each in (first, second)]
    assert [(event.cost, event.currency, event.latency_ms) for event in events] == [(2, "EUR", None), (None, None, 5)]
    assert events[0].completes == ("cost",)
    merged = merge(*events[::-1])
    assert (merged.cost, merged.currency, merged.latency_ms) == (2, "EUR", 5)


def test_completion_too_large_or_of_an_older_version_is_rejected() -> None:
    large = kept(new_execution(input="a" * 700_000))
    assert complete(large, new_execution(output="b" * 100_000)) == Mismatch(
        (("body", "must have at most 768000 bytes together with what was recorded"),)
    )
    old = kept(new_execution())._replace(values=None)
    found = complete(old, new_execution(output="b"))
    assert isinstance(found, Mismatch)
    assert found.fields[0][0] == "id"


@pytest.mark.parametrize(("body", "field"), [('{"id": "e2", "target": "bot"}', "id"), ("[]", "body"), ("{}", "target")])
def test_request_with_an_id_is_one_object_with_that_id(body: str, field: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_completion(body.encode(), CONTEXT, "e1")
    assert refused.value.errors[0]["field"] == field
    assert parse_completion(b'{"id": 7, "target": "bot"}', CONTEXT, "7").id == "7"
