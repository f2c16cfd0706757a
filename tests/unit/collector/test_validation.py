"""Accepted items become events that consumers can read and that fit into a message."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain import outbox_messages
from collector.domain.feedback_items import parse_feedback, read_value
from collector.domain.model import ExecutionContext, Origin, PreviousFeedback, WaitingFeedback
from collector.domain.request_context import MAX_SKEW, PseudonymKey, RequestContext, clock_skew
from collector.domain.validation import parse_execution
from shared.events.feedback import (
    ContextDetail,
    ExecutionFacts,
    ExecutionRecorded,
    FeedbackCreated,
    ToolDetail,
)
from shared.events.message import MAX_PAYLOAD
from shared.metric_catalog import NEXT_STEPS
from shared.problems import Problem

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONTEXT = RequestContext("key", Origin("shop", "production", NOW), PseudonymKey("k1", b"s" * 32))
KEYED = RequestContext("key", Origin("shop", "production", NOW), PseudonymKey("k1", b"s" * 32), "idem")

PROMPT_NAMES = st.from_regex(r"[a-z]{1,5}(/[A-Z\u00fc]{1,3})?", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
CONSENT = st.fixed_dictionaries({}, optional={"quality": st.booleans(), "learning": st.booleans()})
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2026, 11, 20), timezones=st.just(UTC)).map(datetime.isoformat)
KINDS = st.one_of(
    st.tuples(st.just("thumb"), st.booleans() | st.sampled_from(["up", "down"])),
    st.tuples(st.just("rating"), st.integers(1, 5) | st.floats(1, 5)),
    st.tuples(st.just("score"), st.floats(-1e12, 1e12)),
    st.tuples(st.sampled_from(["label", "comment", "correction"]), TEXTS.filter(lambda text: bool(text.strip()))),
    st.tuples(st.sampled_from(["click", "copy"]), st.none() | st.booleans()),
    st.tuples(st.just("dwell"), st.floats(0, 1e12)),
    st.tuples(st.sampled_from(NEXT_STEPS), st.none() | st.just(True)),
)

pytestmark = pytest.mark.usefixtures("both_ways")
FEEDBACK = st.builds(
    lambda kind, rest: {"kind": kind[0], "value": kind[1], "name": "n", **rest},
    KINDS,
    st.fixed_dictionaries(
        {"execution_id": WORDS},
        optional={"id": st.uuids().map(str), "user": WORDS, "consent": CONSENT, "occurred_at": MOMENTS,
                  "source": st.just("implicit"), "trace_id": WORDS, "project": st.just("shop")},
    ),
)  # fmt: skip
EXECUTIONS = st.fixed_dictionaries(
    {"target": WORDS},
    optional={
        "id": WORDS, "trace_id": WORDS, "parent_id": WORDS, "input": TEXTS, "output": TEXTS, "user": WORDS,
        "session": WORDS, "model": WORDS, "arm": WORDS, "contexts": st.lists(TEXTS, max_size=3), "consent": CONSENT,
        "tools": st.lists(WORDS, max_size=3), "cost": st.floats(0, 1e6), "latency_ms": st.integers(0, 10**6),
        "outcome": st.sampled_from(["ok", "error", "refused", "timeout"]), "occurred_at": MOMENTS,
        "region": WORDS, "confidentiality": st.sampled_from(["public", "internal", "confidential", "restricted"]),
        "scores": st.dictionaries(WORDS, st.floats(-10, 10), max_size=3),
        "attributes": st.dictionaries(WORDS, TEXTS | st.booleans() | st.integers(0, 9), max_size=3),
        "parameters": st.dictionaries(WORDS, st.none() | st.floats(0, 2) | TEXTS, max_size=3),
        "usage": st.fixed_dictionaries({"input_tokens": st.integers(0, 10**6)}),
        "prompts": st.lists(st.fixed_dictionaries({"name": PROMPT_NAMES}, optional={"version": WORDS}), max_size=2),
    },
)  # fmt: skip


def created(
    item: dict[str, Any], joined: ExecutionContext | None, former: PreviousFeedback | None = None
) -> FeedbackCreated:
    feedback = parse_feedback(item, CONTEXT)
    entry = WaitingFeedback(
        feedback.event_id, feedback.origin, feedback.reference, outbox_messages.with_previous_feedback(feedback, former)
    )
    message = outbox_messages.feedback_created_message(entry, joined).message
    event = FeedbackCreated.model_validate_json(message.value)
    assert message.key == event.key
    return event


@given(FEEDBACK, EXECUTIONS)
def test_every_accepted_feedback_is_an_event(item: dict[str, Any], about: dict[str, Any]) -> None:
    execution = parse_execution(about, CONTEXT)
    event = created(
        item, ExecutionContext(execution.target, execution.facts), PreviousFeedback(str(UUID(int=7)), 1.0, None)
    )
    assert event.kind == item["kind"]
    assert event.execution == ExecutionFacts.model_validate_json(execution.facts)
    assert event.replaces is not None
    assert event.replaces.feedback_id == UUID(int=7)
    assert event.received_at == NOW
    assert [event.value, event.label, event.text].count(None) == 2
    unjoined = created(item, None)
    assert (unjoined.target, unjoined.execution, unjoined.replaces) == ("", None, None)


@given(EXECUTIONS)
def test_every_accepted_execution_is_an_event(item: dict[str, Any]) -> None:
    execution = parse_execution(item, CONTEXT)
    event = ExecutionRecorded.model_validate_json(execution.payload)
    assert event.facts == ExecutionFacts.model_validate_json(execution.facts)
    assert (event.target, event.facts.execution_id) == (item["target"], execution.id)
    assert event.facts.user is None or event.facts.user.startswith("k1:")
    assert (execution.trace is not None) == ("trace_id" in item and "parent_id" not in item)


def test_the_largest_feedback_and_execution_fit_into_one_message() -> None:
    text = "\x01" * 20_000  # six bytes each in JSON
    execution = parse_execution({"target": "t", "output": "x" * 765_000}, CONTEXT)
    feedback = parse_feedback({"execution_id": "e", "kind": "comment", "value": text}, CONTEXT)
    entry = WaitingFeedback(feedback.event_id, feedback.origin, feedback.reference, feedback.payload)
    assert (
        len(outbox_messages.feedback_created_message(entry, ExecutionContext("t" * 128, execution.facts)).message.value)
        < MAX_PAYLOAD
    )
    with pytest.raises(Problem) as caught:
        parse_execution({"target": "t", "output": "\x01" * 150_000}, CONTEXT)
    assert caught.value.status == 413


@given(FEEDBACK, st.integers(0, 999))
def test_the_same_key_and_body_give_the_same_item(item: dict[str, Any], index: int) -> None:
    first, again = parse_feedback(item, KEYED, index), parse_feedback(json.loads(json.dumps(item)), KEYED, index)
    assert (first.id, first.event_id, first.claims) == (again.id, again.event_id, again.claims)
    other = parse_feedback({**item, "name": "another"}, KEYED, index)
    assert first.claims[-1].key == other.claims[-1].key
    assert first.claims[-1].body != other.claims[-1].body
    assert UUID(first.event_id).version == 8
    assert parse_feedback(item, KEYED, index + 1).claims[-1].key != first.claims[-1].key


def test_without_id_and_key_each_post_is_a_new_item() -> None:
    item = {"execution_id": "e", "kind": "thumb", "value": True}
    first, again = parse_feedback(item, CONTEXT), parse_feedback(item, CONTEXT)
    assert first.event_id != again.event_id
    assert first.claims == ()
    assert UUID(first.event_id).version == 7
    assert first.slot == again.slot


def test_each_source_has_its_own_feedback() -> None:
    item = {"execution_id": "e", "kind": "thumb", "value": True}
    explicit, implicit = parse_feedback(item, CONTEXT), parse_feedback({**item, "source": "implicit"}, CONTEXT)
    assert explicit.slot != implicit.slot
    assert parse_feedback({**item, "source": "explicit"}, CONTEXT).slot == explicit.slot


@pytest.mark.parametrize(("quality", "kept"), [(True, 1.0), (None, 1.0), (False, None)])
def test_feedback_without_consent_has_no_value_to_correct(quality: bool | None, kept: float | None) -> None:
    item = {"execution_id": "e", "kind": "thumb", "value": True, "consent": {"quality": quality}}
    assert parse_feedback(item, CONTEXT).value == kept
    assert created(item, None).value == 1.0


def test_pseudonyms_differ_by_project_and_hide_the_user() -> None:
    names, other = PseudonymKey("k1", b"s" * 32), PseudonymKey("k1", b"t" * 32)
    assert names.pseudonym("shop", "ann") == names.pseudonym("shop", "ann")
    assert (
        len(
            {
                names.pseudonym("shop", "ann"),
                names.pseudonym("bank", "ann"),
                other.pseudonym("shop", "ann"),
            }
        )
        == 3
    )
    assert "ann" not in names.pseudonym("shop", "ann")


@pytest.mark.parametrize("ahead", [timedelta(minutes=4), timedelta(days=-3000)])
def test_small_clock_differences_are_accepted(ahead: timedelta) -> None:
    assert CONTEXT.event_time(NOW + ahead) == (NOW + ahead, None)


A_CALENDAR = timedelta(days=3_650_000)
"""Use the two dates that are furthest apart."""
ANY_TIME = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))]))


@given(st.none() | ANY_TIME, st.timedeltas(-A_CALENDAR, A_CALENDAR))
def test_any_time_and_clock_is_accepted(occurred_at: datetime | None, skew: timedelta) -> None:
    moment, noted = CONTEXT._replace(skew=skew).event_time(occurred_at)
    assert moment <= NOW + MAX_SKEW
    assert (noted is None) == (occurred_at is None or moment == occurred_at)


@pytest.mark.parametrize("date", [b"", b"soon", b"\xff", b"Sat, 99 Nov 2026 12:00:00 GMT", b"1" * 500])
def test_unreadable_date_is_ignored(date: bytes) -> None:
    assert clock_skew(date, NOW) == timedelta(0)


def test_numbers_are_ids() -> None:
    execution = parse_execution({"id": 42, "target": "t", "user": 5, "prompts": [{"name": "p", "version": 7}]}, CONTEXT)
    feedback = parse_feedback({"execution_id": "42", "kind": "thumb", "value": True}, CONTEXT)
    assert (execution.id, execution.reference) == ("42", feedback.reference)
    assert (
        execution.facts
        == parse_execution(
            {"id": "42", "target": "t", "user": "5", "prompts": [{"name": "p", "version": "7"}]}, CONTEXT
        ).facts
    )


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (
            {
                "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            (9, 5, 4, None, 3, 14),
        ),
        ({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}}, (9, None, 4, None, None, None)),
        (
            {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 9, "cache_creation_input_tokens": 4},
            (14, 2, 9, 4, None, 16),
        ),
        (
            {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 9, "totalTokens": 12},
            (10, 2, 9, None, None, 12),
        ),
        (
            {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "cachedContentTokenCount": 4},
            (9, 5, 4, None, 3, 14),
        ),
        (
            {"input_tokens": 9, "output_tokens": 5, "input_token_details": {"cache_read": 4, "cache_creation": 1}},
            (9, 5, 4, 1, None, 14),
        ),
        ({"prompt_tokens": 1, "prompt_tokens_details": None, "completion_tokens_details": []}, (1, *(None,) * 5)),
        ({"inputTokens": 1}, (1, *(None,) * 5)),
        ({"input_tokens": None, "prompt_tokens": 4}, (4, *(None,) * 5)),
        ({}, (None,) * 6),
    ],
)  # fmt: skip
def test_usage_is_read_by_the_names_of_providers(given: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    usage = recorded(usage=given).usage
    assert (
        usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens,
        usage.reasoning_tokens, usage.total,
    ) == counts  # fmt: skip


def recorded(**fields: Any) -> ExecutionRecorded:
    return ExecutionRecorded.model_validate_json(parse_execution({"target": "t", **fields}, CONTEXT).payload)


def test_contexts_and_tools_are_scrubbed_and_have_one_form() -> None:
    event = recorded(
        contexts=["a@b.example", {"text": "plain"}, {"id": 7, "text": "+49 170 1234567", "score": 0.5}, {"id": "d"}],
        tools=[
            "search", {"name": "mail", "outcome": None},
            {"name": "mail", "arguments": {"to": "a@b.example"}, "result": "sent", "outcome": "timeout"},
        ],
    )  # fmt: skip
    assert event.contexts == ("[email]", "plain", "[phone]", "")
    documents = ContextDetail(id="7", score=0.5), ContextDetail(id="d")
    assert event.context_details == (ContextDetail(), ContextDetail(), *documents)
    assert event.tools == ("search", "mail", "mail")
    mailed = ToolDetail(arguments='{"to":"[email]"}', result="sent", outcome="timeout")
    assert event.tool_details == (ToolDetail(), ToolDetail(), mailed)


def test_texts_and_names_alone_have_no_details() -> None:
    event = recorded(contexts=["a", {"text": "b"}], tools=["t", {"name": "u"}])
    assert (event.contexts, event.tools) == (("a", "b"), ("t", "u"))
    assert (event.context_details, event.tool_details) == ((), ())


def test_dollars_are_the_currency_of_a_cost_without_one() -> None:
    events = [recorded(cost=1, **given) for given in ({}, {"currency": "USD"}, {"currency": "EUR"})]
    assert [(event.cost, event.currency) for event in events] == [(1.0, None), (1.0, None), (1.0, "EUR")]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"currency": "EUR"}, "currency"),
        ({"cost": 1, "currency": "euro"}, "currency"),
        ({"cost": 1, "currency": "EUR\n"}, "currency"),
        ({"contexts": [{}]}, "contexts[0]"),
        ({"contexts": ["a", {"score": 0.5}]}, "contexts[1]"),
        ({"contexts": [{"text": "a", "metadata": {}}]}, "contexts[0].metadata"),
        ({"contexts": [{"text": "a", "score": "high"}]}, "contexts[0].score"),
        ({"contexts": [5]}, "contexts[0]"),
        ({"tools": [{"arguments": "{}"}]}, "tools[0].name"),
        ({"tools": [{"name": "t", "outcome": "good"}]}, "tools[0].outcome"),
        ({"tools": [{"name": "t", "latency_ms": -1}]}, "tools[0].latency_ms"),
        ({"tools": [{"name": "t\n"}]}, "tools[0].name"),
        ({"tools": [["t"]]}, "tools[0]"),
        ({"tools": [{"name": "t", "arguments": ["x" * 800_000]}]}, "body"),
        ({"usage": {"prompt_tokens_details": {"cached_tokens": "4"}}}, "usage.cached_input_tokens"),
        ({"time_to_first_token_ms": -1}, "time_to_first_token_ms"),
    ],
)
def test_invalid_structured_field_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Problem) as refused:
        recorded(**fields)
    assert [error["field"] for error in refused.value.errors] == [field]


def test_values_are_interpreted_by_kind() -> None:
    assert (read_value("thumb", "up").number, read_value("thumb", False).number) == (1.0, 0.0)
    assert read_value("rating", 5).number == 5.0
    assert read_value("label", "wrong").label == "wrong"
    assert read_value("correction", "better so").text == "better so"


def test_comment_beside_a_value_is_scrubbed_and_kept() -> None:
    body = {"execution_id": "e", "kind": "rating", "value": 2, "comment": "mail me: ann@example.com"}
    event = FeedbackCreated.model_validate_json(b'{"target":"t",' + parse_feedback(body, CONTEXT).payload[1:])
    assert (event.value, event.text) == (2.0, "mail me: [email]")
    for kind, value, comment in (
        ("comment", "x", "y"), ("correction", "x", "y"), ("thumb", True, " "), ("score", 1, "x" * 20_001),
    ):  # fmt: skip
        with pytest.raises(Problem) as refused:
            parse_feedback({**body, "kind": kind, "value": value, "comment": comment, "name": "n"}, CONTEXT)
        assert refused.value.errors[0]["field"] == "comment"


@pytest.mark.parametrize("name", ["a,b", "a/../b", "", "x" * 129, "a\u200b", " a"])
def test_invalid_prompt_name_is_rejected(name: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_execution({"target": "t", "prompts": [{"name": name, "version": "1"}]}, CONTEXT)
    assert refused.value.errors[0]["field"] == "prompts[0].name"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, (None, None)),
        ({"region": "EU-Central-1", "confidentiality": "internal"}, ("eu-central-1", "internal")),
        ({"region": "a@b.example"}, ("[email]", None)),
    ],
)
def test_region_and_confidentiality_are_kept_with_the_facts(
    given: dict[str, Any], kept: tuple[str | None, str | None]
) -> None:
    facts = ExecutionFacts.model_validate_json(parse_execution({"target": "bot", **given}, CONTEXT).facts)
    assert (facts.region, facts.confidentiality) == kept


def test_unknown_words_for_confidentiality_are_refused() -> None:
    with pytest.raises(Problem) as refused:
        parse_execution({"target": "bot", "confidentiality": "secret"}, CONTEXT)
    assert refused.value.errors[0]["field"] == "confidentiality"
