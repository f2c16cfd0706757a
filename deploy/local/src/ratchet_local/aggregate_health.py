"""What no service answers by itself: health and metrics of the whole, and unknown paths of the API."""

import json
from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ratchet_local.gateway import ask
from ratchet_local.metrics_merge import merge_metrics


class AggregateHealth:
    """The routes over all `services`."""

    def __init__(self, services: Mapping[str, ASGIApp]) -> None:
        self._services = services

    async def live(self, _: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """Ready when every service is, degraded where one of them is; with each one's own answer."""
        answers = {name: await ask(app, "/health/ready") for name, app in self._services.items()}
        well = all(status == 200 for status, _ in answers.values())
        told = {name: json.loads(body) for name, (_, body) in answers.items()}
        degraded = any(answer.get("status") == "degraded" for answer in told.values())
        status = "not ready" if not well else "degraded" if degraded else "ready"
        return JSONResponse({"status": status, "services": told}, 200 if well else 503)

    async def metrics(self, _: Request) -> Response:
        pages = {name: (await ask(app, "/metrics"))[1].decode() for name, app in self._services.items()}
        return Response(merge_metrics(pages), media_type=CONTENT_TYPE_LATEST)


def aggregate_app(services: Mapping[str, ASGIApp]) -> Starlette:
    """The app for all paths that are no service's."""
    front = AggregateHealth(services)
    return Starlette(
        routes=[
            Route("/health/live", front.live),
            Route("/health/ready", front.ready),
            Route("/metrics", front.metrics),
        ],
        exception_handlers={HTTPException: _problem},
    )


async def _problem(_: Request, error: Exception) -> Response:
    """RFC 9457, as every service answers."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    title = error.detail if isinstance(error, HTTPException) else "Internal error"
    body = {"type": "about:blank", "title": title, "status": status, "code": title.lower().replace(" ", "-")}
    return JSONResponse(body, status, media_type="application/problem+json")
