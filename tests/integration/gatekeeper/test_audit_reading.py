"""The audit is read in both orders, by kind and by person; rare entries are found through an index."""

from typing import Any

import pytest

from gatekeeper.storage.audit import AuditQuery, entries_statement
from tests.support.gatekeeper import World, document

Entry = tuple[int, str, str]


@pytest.fixture
async def audited_project(gate: World) -> World:
    await gate.promote(document("One"))
    for _ in range(3):
        await gate.ask("maker_key", "POST", "/v1/halt", {"reason": "smoke"})
        await gate.ask("reviewer_key", "POST", "/v1/resume", {"reason": "fine"})
    return gate


async def get_page(gate: World, query: str) -> dict[str, Any]:
    answer = await gate.ask("maker_key", "GET", f"/v1/audit{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def summaries(page: dict[str, Any]) -> list[Entry]:
    return [(entry["seq"], entry["kind"], entry["by"]) for entry in page["items"]]


async def pages(gate: World, query: str) -> list[Entry]:
    """Return all pages of two entries."""
    found: list[Entry] = []
    page = await get_page(gate, f"?limit=2{query}")
    while page["items"]:
        found += summaries(page)
        if page["next"] is None:
            break
        page = await get_page(gate, f"?limit=2{query}&cursor={page['next']}")
    return found


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("", lambda entry: True),
        ("&kind=loop", lambda entry: entry[1] in ("loop.halted", "loop.resumed")),
        ("&kind=loop.halted", lambda entry: entry[1] == "loop.halted"),
        ("&kind=loo", lambda entry: False),
        ("&by=reviewer", lambda entry: entry[2] == "reviewer"),
        ("&by=reviewer&kind=loop", lambda entry: entry[1] == "loop.resumed"),
        ("&by=nobody", lambda entry: False),
    ],
)
async def test_every_query_returns_the_same_entries_in_both_orders(
    audited_project: World, query: str, matches: Any
) -> None:
    everything = summaries(await get_page(audited_project, "?limit=1000"))
    expected = [entry for entry in everything if matches(entry)]
    assert await pages(audited_project, query) == expected
    assert await pages(audited_project, f"{query}&order=desc") == expected[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("order=desc&cursor=3", "cursor"),
        ("order=sideways", "order"),
        ("kind=%25", "kind"),
        ("kind=loop.", "kind"),
        ("by=", "by"),
        ("by=%00", "by"),
        (f"order=desc&cursor={'9' * 20}", "cursor"),
    ],
)
async def test_invalid_query_is_rejected_by_field(audited_project: World, query: str, field: str) -> None:
    answer = await audited_project.ask("maker_key", "GET", f"/v1/audit?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (AuditQuery(True, 9**9, kind="loop.halted"), "ix_audit_group"),
        (AuditQuery(kind="loop"), "ix_audit_group"),
        (AuditQuery(True, by="ann"), "ix_audit_by"),
    ],
)
async def test_each_query_has_its_index(audited_project: World, wanted: AuditQuery, index: str) -> None:
    """Check the query plan, with sequential scans disabled."""
    values = {"project": "default", "limit": 9, "after": wanted.after, "kind": wanted.kind, "by": wanted.by}
    statement = str(entries_statement(wanted))
    for name, value in values.items():
        statement = statement.replace(f":{name}", f"'{value}'" if isinstance(value, str) else str(value))
    async with audited_project.owner.begin() as conn:
        for way in ("seqscan", "bitmapscan", "sort"):
            await conn.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        plan = [row[0] for row in await conn.exec_driver_sql(f"EXPLAIN {statement}")]
    assert any(index in line for line in plan), plan
    assert not any("Sort" in line for line in plan), plan
