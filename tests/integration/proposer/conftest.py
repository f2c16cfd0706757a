"""The proposer with a real database and the production delivery."""

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.settings import ProposerSettings
from shared.runtime.database import engine as engine_of
from tests.support.databases import as_role
from tests.support.proposer_service import Proposer


@pytest.fixture
def settings(migrated_dsn: Callable[..., str]) -> ProposerSettings:
    """Settings with the service's own database role, so that missing privileges fail."""
    dsn = as_role(migrated_dsn("proposer"), "ratchet_proposer")
    return ProposerSettings(database_url=dsn, kafka_bootstrap="127.0.0.1:9")


@pytest.fixture
async def engine(settings: ProposerSettings) -> AsyncIterator[AsyncEngine]:
    found = engine_of(settings)
    yield found
    await found.dispose()


@pytest.fixture
def proposer(engine: AsyncEngine) -> Proposer:
    return Proposer(engine)
