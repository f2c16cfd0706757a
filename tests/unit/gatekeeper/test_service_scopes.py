"""A key that may be public may do nothing else."""

import pytest

from gatekeeper.keys.api import service_scopes
from gatekeeper.request_body import Fields
from shared.problems import Problem


@pytest.mark.parametrize("other", ["ingest", "read", "operate"])
def test_a_browser_key_has_no_other_scope(other: str) -> None:
    with pytest.raises(Problem) as caught:
        service_scopes(Fields({"scopes": [other, "browser-ingest"]}))
    assert (caught.value.status, caught.value.errors[0]["field"]) == (422, "scopes")


@pytest.mark.parametrize("scopes", [["browser-ingest"], ["ingest", "read", "operate"]])
def test_other_scopes_go_together(scopes: list[str]) -> None:
    assert service_scopes(Fields({"scopes": scopes})) == scopes
