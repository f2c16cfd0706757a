"""Composition root of the console."""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

import httpx
from fastapi import APIRouter, FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware.gzip import GZipMiddleware

from console.error_pages import install_error_pages
from console.handlers import notification_subscription
from console.notifications import Notifications
from console.pages import PAGE_ROUTERS
from console.rendering import template_environment
from console.security_headers import SecurityHeaders
from console.settings import ConsoleSettings
from console.static_files import ImmutableStatic
from console.upstream import Upstream
from shared.messaging.bus import Bus
from shared.messaging.flow_control import Flow
from shared.messaging.store import NoStore
from shared.runtime.background import cancel_all, supervise
from shared.runtime.clock import Clock, SystemClock
from shared.runtime.prometheus_metrics import Metrics
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
    """Build one instance of the console. `transport` reaches services in the same process without a socket."""
    clock = clock or SystemClock()
    notifications, metrics = Notifications(settings.max_pages), Metrics(settings.service)
    bus = Bus(settings, (), (notification_subscription(notifications),), NoStore(), clock, metrics, flow)
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
    app.state.bus, app.state.notifications, app.state.upstream = bus, notifications, upstream
    app.state.templates, app.state.clock = template_environment(), clock
    install_error_pages(app)
    _add_middleware(app, settings, metrics)
    app.mount("/static/swagger-ui", ImmutableStatic(directory=str(files("fastapi_swagger") / "resources")))
    app.mount("/static", ImmutableStatic(directory=str(files("console") / "static")), name="static")
    for page_router in PAGE_ROUTERS:
        app.include_router(page_router())
    app.include_router(_monitoring_routes(bus, metrics))
    return app


def _add_middleware(app: FastAPI, settings: ConsoleSettings, metrics: Metrics) -> None:
    """Add the middleware, innermost first."""
    app.add_middleware(ValidHost)
    app.add_middleware(RateLimited, limiter=RateLimiter(settings, refused=metrics.refused))
    for middleware in (GZipMiddleware, SecurityHeaders, Correlated):
        app.add_middleware(middleware)
    app.add_middleware(EncodedPaths, prefix="/prompts/")


def _monitoring_routes(bus: Bus, metrics: Metrics) -> APIRouter:
    router = APIRouter()

    @router.get("/health/live")
    @router.get("/health/ready")
    async def health() -> dict[str, object]:
        """Report whether the bus works. Unavailable services are shown on the pages that need them."""
        return {"status": "degraded" if bus.problems else "ready", "problems": bus.problems}

    @router.get("/metrics")
    async def own_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router
