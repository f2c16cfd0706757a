"""Fixtures of the collector's unit tests."""

from collections.abc import Iterator

import pytest

from collector.domain.body_parser import OrdinaryBodies


@pytest.fixture(scope="module", params=["struct", "model"])
def both_ways(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a module's tests twice: as it is, and with bodies that are all read by their pydantic models."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "model":
            patch.setattr(OrdinaryBodies, "read", lambda *_: None)
        yield request.param
