"""Outcomes of responses: delivered, retried or rejected."""

import json
from typing import Any

import pytest

from ratchet.client.batches import Batch, Delivered, Outcome, Retry, Split
from ratchet.client.recorded_items import RecordedItem
from ratchet.client.transport import outcome


def answer(status: int, body: object = None, items: int = 1, headers: dict[str, str] | None = None) -> Outcome:
    batch = Batch("feedback", "k", tuple(RecordedItem("feedback", str(n), b"{}") for n in range(items)), b"")
    return outcome(batch, status, headers or {}, json.dumps(body).encode())


def results(*statuses: str) -> dict[str, Any]:
    refusal = {"problem": {"detail": "rating: must be 1 to 5"}}
    return {
        "results": [
            {"index": n, "id": str(n), "status": status, **(refusal if status == "refused" else {})}
            for n, status in enumerate(statuses)
        ]
    }


@pytest.mark.parametrize("status", [200, 207, 422])
def test_results_apply_item_by_item(status: int) -> None:
    body = results("accepted", "refused", "duplicate")
    assert answer(status, body, items=3) == Delivered(1, ((1, "rating: must be 1 to 5"),))


def test_item_of_an_erased_user_is_neither_repeated_nor_refused() -> None:
    assert answer(207, results("erased", "refused"), items=2) == Delivered(0, ((1, "rating: must be 1 to 5"),))


@pytest.mark.parametrize("entry", [{"status": "failed"}, {"status": "refused", "problem": {"status": 500}}])
def test_item_on_which_the_server_failed_is_retried(entry: dict[str, Any]) -> None:
    body = {"results": [{"status": "accepted"}, entry, {"status": "refused", "problem": {"status": 422}}]}
    assert answer(207, body, items=3) == Delivered(0, ((2, "refused"),), (1,))


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 425, 429, 500, 502, 503])
def test_transient_failures_are_retried(status: int) -> None:
    assert isinstance(answer(status, {"detail": "x"}), Retry)


@pytest.mark.parametrize(
    ("status", "wrong"), [(301, True), (401, True), (403, True), (404, True), (408, False), (503, False)]
)
def test_misconfiguration_differs_from_a_transient_failure(status: int, wrong: bool) -> None:
    retry = answer(status)
    assert isinstance(retry, Retry)
    assert retry.misconfigured == wrong


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_rejected_batch_is_split_down_to_the_invalid_item(status: int) -> None:
    assert answer(status, {"detail": "too bad"}, items=2) == Split()
    assert answer(status, {"detail": "too bad"}, items=1) == Delivered(refused=((0, "too bad"),))


@pytest.mark.parametrize("body", [None, [], "<html>", {"results": 5}, {"results": []}])
def test_success_status_without_results_is_a_failure(body: object) -> None:
    assert isinstance(answer(200, body), Retry)


@pytest.mark.parametrize(("value", "after"), [("7", 7.0), ("99999", 300.0), ("-1", None), ("soon", None), ("²", None)])
def test_server_may_request_a_pause(value: str, after: float | None) -> None:
    retry = answer(503, headers={"retry-after": value})
    assert isinstance(retry, Retry)
    assert retry.after == after


@pytest.mark.parametrize("entry", [None, "x", {}, {"status": "refused"}, {"status": "refused", "problem": "x"}])
def test_unknown_result_counts_as_rejected(entry: object) -> None:
    assert answer(200, {"results": [entry]}) == Delivered(0, ((0, "refused"),))
