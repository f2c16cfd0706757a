"""The audit page and its verification."""

import pytest

from tests.support.console import NOW, FakeServices, console_client

HEAD = "ab" * 32


@pytest.fixture
def audit_entry(api: FakeServices) -> FakeServices:
    """An audit with one entry, by a person with an unusual name."""
    entry = {"seq": 3, "at": NOW, "kind": "loop.halted", "by": "<i>eve</i>", "hash": HEAD, "revision": 1}
    api.answers["/v1/audit"] = {"items": [entry], "next": "WzNd"}
    api.answers["/v1/people"] = {"items": [{"subject": "ann"}], "next": None}
    return api


async def test_entries_are_paged_newest_first(audit_entry: FakeServices) -> None:
    async with console_client(audit_entry) as client:
        page = (await client.get("/audit?kind=loop&by=eve&cursor=Wzld")).text
    assert "halted promotions" in page
    assert "&lt;i&gt;eve&lt;/i&gt;" in page
    assert "<i>eve" not in page
    assert "/audit?kind=loop&amp;by=eve&amp;cursor=WzNd" in page
    [asked] = audit_entry.queries("/v1/audit")
    assert asked == {"order": "desc", "kind": "loop", "by": "eve", "cursor": "Wzld", "limit": "50"}


async def test_empty_filter_requests_all_entries(audit_entry: FakeServices) -> None:
    audit_entry.refuse("/v1/people", 403)
    async with console_client(audit_entry) as client:
        answer = await client.get("/audit?kind=&by=")
    assert answer.status_code == 200
    assert audit_entry.queries("/v1/audit") == [{"order": "desc", "limit": "50"}]


async def test_kind_without_entries_is_stated(audit_entry: FakeServices) -> None:
    audit_entry.answers["/v1/audit"] = {"items": [], "next": None}
    async with console_client(audit_entry) as client:
        assert "No entries match" in (await client.get("/audit?kind=grant")).text
        assert "No entries yet" in (await client.get("/audit")).text


async def test_intact_chain_shows_its_head(audit_entry: FakeServices) -> None:
    audit_entry.answers["/v1/audit/verify"] = {"ok": True, "entries": 1234, "head": HEAD, "problems": []}
    async with console_client(audit_entry) as client:
        page = (await client.get("/audit/verify")).text
        against = (await client.get(f"/audit/verify?seq=3&head={HEAD}")).text
    assert "The audit is intact" in page
    assert "1,234 entries" in page
    assert HEAD in page
    assert "Entry 3 has the recorded head" in against
    assert audit_entry.queries("/v1/audit/verify") == [{}, {"seq": "3", "head": HEAD}]


async def test_broken_chain_shows_the_faults(audit_entry: FakeServices) -> None:
    wrong = {"ok": False, "entries": 2, "head": HEAD, "problems": ["entry 2 was altered"]}
    audit_entry.answers["/v1/audit/verify"] = wrong
    async with console_client(audit_entry) as client:
        page = (await client.get(f"/audit/verify?seq=1&head={HEAD}")).text
    assert "The audit is not intact" in page
    assert "entry 2 was altered" in page
    assert "has the recorded head" not in page
