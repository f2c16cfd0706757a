"""Parsing of responses of both APIs."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ratchet_langfuse.schemas import (
    InvalidJson,
    Listing,
    PromptVersion,
    RootTrace,
    Score,
    UnexpectedResponse,
    iso,
    parse_response,
)

OBSERVATION = {"id": "o", "traceId": "t", "startTime": "2026-03-01T12:00:00.000Z", "endTime": "2026-03-01T12:00:03Z"}
SCORE = {"id": "s", "name": "n", "source": "API", "timestamp": "2026-03-01T12:00:00Z"}


def root(**fields: Any) -> RootTrace:
    return parse_response(RootTrace, json.dumps({**OBSERVATION, **fields}).encode())


def test_a_trace_is_its_root_or_itself() -> None:
    older = {"id": "t", "timestamp": "2026-03-01T12:00:00.000Z", "name": "bot", "latency": -1}
    assert root(traceName="bot", name="handle").name == "bot"
    assert (root().trace_id, root().at) == ("t", datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
    assert parse_response(RootTrace, json.dumps(older).encode()).trace_id == "t"
    assert parse_response(RootTrace, json.dumps(older).encode()).name == "bot"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [({"latency": 1.5}, 1.5), ({}, 3.0), ({"latency": -1}, None), ({"endTime": None}, None)],
)
def test_latency(fields: dict[str, Any], seconds: float | None) -> None:
    assert root(**fields).seconds == seconds


def test_a_time_without_an_offset_is_utc() -> None:
    assert root(startTime="2026-03-01T12:00:00").at == root().at
    assert iso(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("fields", "content", "trace", "observation"),
    [
        ({"dataType": "NUMERIC", "value": 0.5, "subject": {"kind": "trace", "id": "t"}}, 0.5, "t", None),
        ({"dataType": "BOOLEAN", "value": True, "subject": {"kind": "session", "id": "x"}}, True, None, None),
        (
            {"dataType": "CATEGORICAL", "value": "good", "subject": {"kind": "observation", "id": "o", "traceId": "t"}},
            "good",
            "t",
            "o",
        ),
        ({"dataType": "TEXT", "value": "well", "subject": {"kind": "experiment", "id": "x"}}, None, None, None),
        ({"dataType": "CORRECTION", "value": 0, "stringValue": "better", "traceId": "t"}, None, "t", None),
        ({"dataType": "CATEGORICAL", "value": 0, "stringValue": "bad", "traceId": "t"}, "bad", "t", None),
        (
            {"dataType": "BOOLEAN", "value": 0, "stringValue": "False", "traceId": "t", "observationId": "o"},
            False,
            "t",
            "o",
        ),
        ({"dataType": "NUMERIC", "value": None, "traceId": None}, None, None, None),
    ],
)
def test_scores_of_both_apis(
    fields: dict[str, Any], content: object, trace: str | None, observation: str | None
) -> None:
    score = parse_response(Score, json.dumps({**SCORE, **fields}).encode())
    assert (score.trace, score.observation) == (trace, observation)
    assert score.content == content
    assert type(score.content) is type(content)


@pytest.mark.parametrize("body", [b"", b'{"data": [', b"<html>", b"\xff\xfe"])
def test_invalid_json_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        parse_response(Listing[Score], body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "Input should be an object"),
        (b'{"data": [{"id": 1}], "meta": {}}', "data.0.id: Input should be a valid string"),
        (b'{"data": []}', "meta: Field required"),
    ],
)
def test_unexpected_shape_is_rejected_with_its_path(body: bytes, message: str) -> None:
    with pytest.raises(UnexpectedResponse, match=message):
        parse_response(Listing[Score], body)


def test_lone_surrogates_are_accepted() -> None:
    """JavaScript truncates texts between surrogates; an escaped backslash before one must not be misread."""
    body = rb'{"prompt": "cut \ud83d, whole \ud83d\ude00, written \\ud83d", "config": "\udc00"}'
    found = parse_response(PromptVersion, body)
    assert (found.prompt, found.config) == ("cut \ufffd, whole \U0001f600, written \\ud83d", "\ufffd")
    with pytest.raises(UnexpectedResponse):
        parse_response(PromptVersion, rb'{"prompt": 7, "config": "\udc00"}')
