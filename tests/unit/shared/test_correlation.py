"""Log lines of a request share one id."""

import httpx
import pytest
import structlog
from fastapi import FastAPI

from shared.web.correlation import Correlated


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(Correlated)

    @app.get("/bound")
    async def bound() -> dict[str, str]:
        found: dict[str, str] = structlog.contextvars.get_contextvars()
        return found

    return app


async def ask(app: FastAPI, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        return await client.get("/bound", headers=headers)


async def test_callers_id_is_bound_and_returned(app: FastAPI) -> None:
    answer = await ask(app, **{"x-correlation-id": "order-17"})
    assert answer.json() == {"correlation_id": "order-17"}
    assert answer.headers["x-correlation-id"] == "order-17"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "<script>"])
async def test_invalid_id_is_replaced(app: FastAPI, given: str) -> None:
    first, second = [await ask(app, **{"x-correlation-id": given}) for _ in range(2)]
    assert first.json()["correlation_id"] == first.headers["x-correlation-id"] != given
    assert first.json() != second.json()
