"""Pages of lists: complete, ordered, and without documents on request."""

from typing import Any

from tests.support.gatekeeper import World, document

HELLO, BYE = document("Hello"), document("Bye")
MORE = """INSERT INTO gatekeeper.proposals (id, project, environment, target, name, kind, base_digest, digest, author,
                                            author_kind, content, state, revision, opened_at)
          SELECT gen_random_uuid(), project, environment, target, name, kind, base_digest, digest, author, author_kind,
                 content, CASE WHEN n % 4 = 0 THEN 'open' ELSE 'rejected' END, revision,
                 opened_at - make_interval(secs => n / 7)
          FROM gatekeeper.proposals, generate_series(1, 199) AS n"""


async def read_all_pages(gate: World, **params: Any) -> list[dict[str, Any]]:
    """Return the items of all pages."""
    items: list[dict[str, Any]] = []
    while True:
        page = (await gate.ask("maker_key", "GET", "/v1/proposals", params={**params, "limit": 50})).json()
        items += page["items"]
        if page["next"] is None:
            return items
        params["cursor"] = page["next"]


async def test_pages_contain_each_of_200_proposals_once(gate: World) -> None:
    await gate.propose(HELLO)
    await gate.sql(MORE)
    found = await read_all_pages(gate)
    assert len(found) == len({each["id"] for each in found}) == 200
    assert [each["opened_at"] for each in found] == sorted((each["opened_at"] for each in found), reverse=True)
    still_open = await read_all_pages(gate, state="open")
    assert len(still_open) == 50
    first = (await gate.ask("maker_key", "GET", "/v1/proposals", params={"limit": 1})).json()["next"]
    foreign = await gate.ask("maker_key", "GET", "/v1/proposals", params={"state": "open", "cursor": first})
    assert (foreign.status_code, foreign.json()["errors"][0]["field"]) == (422, "cursor")
    assert {each["state"] for each in still_open} == {"open"}


async def test_brief_list_has_no_documents(gate: World) -> None:
    live = await gate.promote(HELLO)
    await gate.propose(BYE, live["digest"])
    whole, brief = [
        (await gate.ask("maker_key", "GET", "/v1/proposals", params={"brief": each})).json()["items"][0]
        for each in (False, True)
    ]
    assert whole["document"] == BYE
    assert whole["diff"]
    left_out = ("document", "diff", "rollback", "example_sets", "warnings")
    assert brief == {name: value for name, value in whole.items() if name not in left_out}


async def test_each_list_equals_its_pages(gate: World) -> None:
    for name in ("b", "a"):
        await gate.ask("admin_key", "POST", "/v1/keys", {"subject": "app", "scopes": ["ingest"]})
        body = {"name": name, "slot": "s", "count": 1, "per_hour": 1, "expires_at": "2099-01-01T00:00:00Z"}
        await gate.ask("reviewer_key", "POST", "/v1/grants", body)
    for path in ("/v1/people", "/v1/keys", "/v1/grants"):
        whole = (await gate.ask("maker_key", "GET", path)).json()["items"]
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            params = {"limit": 1} | ({"cursor": page["next"]} if page["next"] else {})
            page = (await gate.ask("maker_key", "GET", path, params=params)).json()
            found += page["items"]
        assert found == whole, path
