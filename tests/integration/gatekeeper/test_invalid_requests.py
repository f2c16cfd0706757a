"""Values that PostgreSQL cannot store, in paths and queries: no 5xx, and the response names the field."""

import pytest

from tests.support.gatekeeper import NEVER, World

LATE, HUGE = "9999-12-31T23:59:59-12:00", "9" * 20
OPS = "/v1/ops/gatekeeper"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/prompts/%00", "name"),
        ("/v1/prompts?cursor=%00", "cursor"),
        ("/v1/prompts/%00/versions?limit=5", "name"),
        ("/v1/versions/%00", "digest"),
        (f"/v1/prompts/x/versions?cursor={HUGE}", "cursor"),
        ("/v1/proposals?name=%00&limit=5", "name"),
        (f"/v1/proposals?cursor={LATE}", "cursor"),
        (f"/v1/audit?cursor={HUGE}", "cursor"),
        (f"{OPS}/dead-letters?status=%00", "status"),
        (f"{OPS}/dead-letters?before={LATE}", "before"),
    ],
)
async def test_an_invalid_query_is_refused_by_field(gate: World, path: str, field: str) -> None:
    answer = await gate.ask("reviewer_key", "GET", path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/prompts/%00/rollback", {"reason": "r"}, "name"),
        ("/v1/examples/%00/revoke", {"reason": "r"}, "digest"),
        (f"/v1/prompts/%00/observed/{NEVER}/review", None, "name"),
        (f"{OPS}/republish", {"topic": "\0"}, "topic"),
        (f"{OPS}/republish", {"since": LATE}, "body"),
    ],
)
async def test_an_invalid_change_is_refused_by_field(gate: World, path: str, body: object, field: str) -> None:
    answer = await gate.ask("reviewer_key", "POST", path, body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
