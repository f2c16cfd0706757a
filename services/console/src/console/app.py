"""Wiring: settings in, an ASGI app out, with open pages that hear of news from the bus."""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

import httpx
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware.gzip import GZipMiddleware

from console.error_pages import SecurityHeaders, install_errors
from console.handlers import notification_subscriptions
from console.notifications import OpenPages
from console.pages import PAGES
from console.rendering import environment
from console.settings import ConsoleSettings
from console.static_files import ImmutableStatic
from console.upstream import Upstream
from shared.messaging.bus import Bus
from shared.messaging.flow_control import Flow
from shared.messaging.store import NoStore
from shared.runtime.background import cancel_all, supervise
from shared.runtime.clock import Clock, SystemClock
from shared.runtime.metrics import Metrics
from shared.web.correlation import Correlated
from shared.web.encoded_paths import EncodedPaths
from shared.web.host import ValidHost
from shared.web.rate_limiter import RateLimited, RateLimiter

_TIMEOUT_S = 10.0


def build_app(
    settings: ConsoleSettings,
    clock: Clock | None = None,
    flow: Flow | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """One instance of the console. `transport` reaches the services without a socket, where they share a process."""
    clock = clock or SystemClock()
    pages, metrics = OpenPages(settings.max_pages), Metrics(settings.service)
    bus = Bus(settings, (), (notification_subscriptions(pages),), NoStore(), clock, metrics, flow)
    upstream = Upstream(httpx.AsyncClient(base_url=settings.api_url, timeout=_TIMEOUT_S, transport=transport))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [supervise("bus", bus.run)]
        try:
            yield
        finally:
            await cancel_all(tasks)
            await upstream.close()

    app = FastAPI(
        title="Ratchet console",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_url=None,
    )
    app.state.bus, app.state.pages, app.state.upstream = bus, pages, upstream
    app.state.templates, app.state.clock = environment(), clock
    install_errors(app)
    app.add_middleware(ValidHost)
    app.add_middleware(RateLimited, limiter=RateLimiter(settings, refused=metrics.refused))
    for middleware in (GZipMiddleware, SecurityHeaders, Correlated):
        app.add_middleware(middleware)
    app.add_middleware(EncodedPaths, prefix="/prompts/")
    app.mount("/static", ImmutableStatic(directory=str(files("console") / "static")), name="static")
    for pages_of in PAGES:
        app.include_router(pages_of())

    @app.get("/health/live")
    @app.get("/health/ready")
    async def health() -> dict[str, object]:
        """It has nothing of its own that could be away; pages say what is."""
        return {"status": "degraded" if bus.problems else "ready", "problems": bus.problems}

    @app.get("/metrics")
    async def own_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
