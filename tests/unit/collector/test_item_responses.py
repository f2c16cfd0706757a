"""Responses to items and arrays."""

import json

import asyncpg
import pytest

from collector.api.responses import batch_response, single_response
from collector.domain.ingestion import ItemResult
from collector.ingest.service import outcome_of
from shared.errors import Retryable
from shared.problems import Problem, invalid


def test_one_object() -> None:
    answer = single_response(ItemResult("a", "accepted"))
    assert (answer.status, json.loads(answer.body)) == (200, {"id": "a", "status": "accepted"})
    refused = single_response(ItemResult("a", outcome_of("conflict")))
    assert (refused.status, refused.media) == (422, b"application/problem+json")


def test_retryable_item_is_reported_as_busy() -> None:
    with pytest.raises(Problem) as caught:
        outcome_of(Retryable("away"))
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    failed = outcome_of(ValueError("text of a user"))
    assert isinstance(failed, Problem)
    assert b"text of a user" not in failed.encoded()


def test_only_values_rejected_by_the_database_are_final() -> None:
    refused = outcome_of(asyncpg.PostgresError.new({"C": "22021", "M": "text of a user"}))
    assert isinstance(refused, Problem)
    assert (refused.status, b"text of a user" in refused.encoded()) == (422, False)
    for state in ("25006", "25P03", "42501", "42P01", "53100", "XX001"):
        with pytest.raises(Problem) as caught:
            outcome_of(asyncpg.PostgresError.new({"C": state, "M": "x"}))
        assert caught.value.status == 503


FAILED = Problem(500, "internal", "Something went wrong")


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        (["accepted", "duplicate"], 200),
        (["accepted", invalid("kind", "odd")], 207),
        (["accepted", FAILED], 207),
        ([invalid("kind", "odd")], 422),
        ([FAILED], 503),
        ([invalid("kind", "odd"), FAILED], 503),
    ],
)
def test_an_array(outcomes: list[object], status: int) -> None:
    answer = batch_response([ItemResult("x", outcome) for outcome in outcomes])  # type: ignore[arg-type]
    body = json.loads(answer.body)
    assert answer.status == status
    assert body["accepted"] + body["duplicate"] + body["refused"] + body["failed"] == len(outcomes)
    assert body["failed"] == outcomes.count(FAILED)
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert [result["index"] for result in body["results"]] == list(range(len(outcomes)))
