"""The analyzer with a real database and the production delivery, used over HTTP."""

import base64
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.app import build_app
from analyzer.settings import AnalyzerSettings
from shared.auth.principal import hash_secret
from shared.runtime.database import engine as engine_of
from tests.support.analysis import Analyzer
from tests.support.api_document import service_check
from tests.support.databases import as_role, psql

SECRET = base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("=")


@pytest.fixture
def owner(migrated_dsn: Callable[..., str]) -> str:
    """The superuser's DSN."""
    return migrated_dsn("analyzer")


@pytest.fixture
def settings(owner: str) -> AnalyzerSettings:
    """Settings with the service's own database role, so that missing privileges fail."""
    return AnalyzerSettings(database_url=as_role(owner, "ratchet_analyzer"), kafka_bootstrap="127.0.0.1:9")


@pytest.fixture
async def engine(settings: AnalyzerSettings) -> AsyncIterator[AsyncEngine]:
    found = engine_of(settings)
    yield found
    await found.dispose()


@pytest.fixture
def analyzer(engine: AsyncEngine) -> Analyzer:
    return Analyzer(engine)


@pytest.fixture
async def client(owner: str, settings: AnalyzerSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A reader of acme/production; the key `other` reads another environment, `writer` may not read.

    `tuner` may declare metrics.
    """
    keys = ", ".join(
        f"('{key}', 1, '{hash_secret(SECRET)}', 'reader', 'service', 'acme', '{environment}', '{{{scope}}}', false)"
        for key, environment, scope in (
            ("k1", "production", "read"), ("other", "staging", "read"), ("writer", "production", "ingest"),
            ("tuner", "production", "tune"),
        )
    )  # fmt: skip
    columns = "key_id, revision, secret_hash, subject, subject_kind, project, environment, scopes, revoked"
    psql(owner, f"INSERT INTO analyzer.api_keys ({columns}) VALUES {keys}")
    app = build_app(settings)
    headers = {"Authorization": bearer("k1")}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://analyzer",
        headers=headers,
        event_hooks=service_check("analyzer"),
    ) as one:
        yield one
    await app.state.keys._engine.dispose()


def bearer(key: str) -> str:
    return f"Bearer rk_{key}_{SECRET}"


@pytest.fixture
def another() -> dict[str, str]:
    """Headers of a reader of another environment."""
    return {"Authorization": bearer("other")}


@pytest.fixture
def tuner() -> dict[str, str]:
    """Headers of a principal that may declare metrics."""
    return {"Authorization": bearer("tuner")}


@pytest.fixture
def writer() -> dict[str, str]:
    """Headers of a principal that may not read."""
    return {"Authorization": bearer("writer")}
