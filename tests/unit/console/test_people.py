"""The page of people and keys."""

from typing import Any

import pytest

from tests.support.console import NOW, FakeServices, console_client


@pytest.fixture
def people_and_keys(api: FakeServices) -> FakeServices:
    """Two people, one of them without permissions, and two keys."""
    ann = {"subject": "ann", "added_at": NOW, "scopes": ["admin", "read"], "sessions": 1, "role": "admin"}
    gone = {"subject": "<b>gone</b>", "added_at": NOW, "scopes": [], "sessions": 0, "role": "viewer"}
    api.answers["/v1/people"] = {"items": [ann, gone], "next": None}
    keys: list[dict[str, Any]] = [
        {"id": "k1", "subject": "bot", "kind": "service", "scopes": ["ingest"], "origins": [], "issued_at": NOW},
        {"id": "k2", "subject": "ann", "kind": "person", "scopes": ["read"], "origins": [], "issued_at": NOW},
    ]
    api.answers["/v1/keys"] = {"items": keys, "next": None}
    return api


async def test_admin_creates_links_and_keys_and_revokes_them(people_and_keys: FakeServices) -> None:
    async with console_client(people_and_keys) as client:
        page = (await client.get("/people")).text
    for api in ("/v1/sign-in-links", "/v1/keys", "/v1/keys/k1/revoke", "/v1/keys/k2/revoke"):
        assert f'data-api="{api}"' in page
    assert 'data-shows="link-made"' in page
    assert 'id="the-key" data-part="key"' in page
    assert page.count("hx-morph-skip") == 2


async def test_origins_of_a_key_are_shown_and_asked_for(people_and_keys: FakeServices) -> None:
    key = {"id": "k3", "subject": "web", "kind": "service", "scopes": ["browser-ingest"], "issued_at": NOW}
    people_and_keys.answers["/v1/keys"]["items"].append({**key, "origins": ["https://shop.example", "http://<b>"]})
    async with console_client(people_and_keys) as client:
        page = (await client.get("/people")).text
    assert '<span class="soft">https://shop.example</span>' in page
    assert "http://&lt;b&gt;" in page
    assert '<textarea name="origins" data-type="lines"' in page


async def test_person_without_permissions_is_not_called_a_viewer(people_and_keys: FakeServices) -> None:
    async with console_client(people_and_keys) as client:
        page = (await client.get("/people")).text
    assert "&lt;b&gt;gone&lt;/b&gt;" in page
    assert "no valid key or link" in page
    assert 'class="badge ">viewer' not in page


async def test_other_roles_can_only_read(people_and_keys: FakeServices) -> None:
    people_and_keys.sign_in("read", role="viewer")
    people_and_keys.answers["/v1/keys"] = {"items": [], "next": None}
    async with console_client(people_and_keys) as client:
        page = (await client.get("/people")).text
    assert "Only admins create and revoke" in page
    assert "No keys." in page
    assert "/v1/keys" not in page
    assert "/v1/sign-in-links" not in page
