from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.gatekeeper import World, world


@pytest.fixture
async def gate(migrated_dsn: Callable[..., str]) -> AsyncIterator[World]:
    """A project with people and keys, and the gatekeeper's API."""
    async with world(migrated_dsn("gatekeeper")) as made:
        yield made
