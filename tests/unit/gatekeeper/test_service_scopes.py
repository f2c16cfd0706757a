"""Scopes of a service's key: one that may be public has no other scope."""

import pytest

from gatekeeper.api.keys import service_scopes


@pytest.mark.parametrize("other", ["ingest", "read", "operate"])
def test_a_browser_key_has_no_other_scope(other: str) -> None:
    with pytest.raises(ValueError, match="issue another key"):
        service_scopes([other, "browser-ingest"])


@pytest.mark.parametrize("scopes", [["browser-ingest"], ["ingest", "evaluate", "read", "operate"]])
def test_other_scopes_can_be_combined(scopes: list[str]) -> None:
    assert service_scopes([*scopes, scopes[0]]) == scopes
