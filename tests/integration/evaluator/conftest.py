"""The evaluator with a real database."""

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.settings import EvaluatorSettings
from shared.runtime.database import engine as engine_of
from tests.support.databases import as_role
from tests.support.evaluator_service import Evaluator


@pytest.fixture
def settings(migrated_dsn: Callable[..., str]) -> EvaluatorSettings:
    """Settings with the service's own database role, so that missing privileges fail."""
    dsn = as_role(migrated_dsn("evaluator"), "ratchet_evaluator")
    return EvaluatorSettings(database_url=dsn, kafka_bootstrap="127.0.0.1:9")


@pytest.fixture
async def engine(settings: EvaluatorSettings) -> AsyncIterator[AsyncEngine]:
    found = engine_of(settings)
    yield found
    await found.dispose()


@pytest.fixture
def evaluator(engine: AsyncEngine) -> Evaluator:
    return Evaluator(engine)
