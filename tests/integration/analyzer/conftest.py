"""The analyzer on a real database, fed through the delivery that it has in production."""

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.settings import AnalyzerSettings
from shared.runtime.database import engine as engine_of
from tests.support.analysis import Analyzer
from tests.support.databases import as_role


@pytest.fixture
async def engine(migrated_dsn: Callable[..., str]) -> AsyncIterator[AsyncEngine]:
    """As the service's own role: what it may not do, fails."""
    dsn = as_role(migrated_dsn("analyzer"), "ratchet_analyzer")
    found = engine_of(AnalyzerSettings(database_url=dsn, kafka_bootstrap="127.0.0.1:9"))
    yield found
    await found.dispose()


@pytest.fixture
def analyzer(engine: AsyncEngine) -> Analyzer:
    return Analyzer(engine)
