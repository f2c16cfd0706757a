"""What clients are told."""

import json

import pytest

from collector.answers import Result, settled, several, single
from shared.messaging.errors import Retryable
from shared.web.problems import Problem, invalid


def test_one_object() -> None:
    answer = single(Result("a", "accepted"))
    assert (answer.status, json.loads(answer.body)) == (200, {"id": "a", "status": "accepted"})
    refused = single(Result("a", settled("conflict")))
    assert (refused.status, refused.media) == (422, b"application/problem+json")


def test_what_may_be_sent_again_is_said_to_be_busy() -> None:
    with pytest.raises(Problem) as caught:
        settled(Retryable("away"))
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    failed = settled(ValueError("text of a user"))
    assert isinstance(failed, Problem)
    assert b"text of a user" not in failed.encoded()


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [(["accepted", "duplicate"], 200), (["accepted", invalid("kind", "odd")], 207), ([invalid("kind", "odd")], 422)],
)
def test_an_array(outcomes: list[object], status: int) -> None:
    answer = several([Result("x", outcome) for outcome in outcomes])  # type: ignore[arg-type]
    told = json.loads(answer.body)
    assert answer.status == status
    assert told["accepted"] + told["duplicate"] + told["refused"] == len(outcomes)
    assert [result["index"] for result in told["results"]] == list(range(len(outcomes)))
