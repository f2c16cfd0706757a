"""Health and metrics of all services together, and 404 for unknown API paths."""

import json
from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ratchet_local.gateway import get_in_process
from ratchet_local.metrics_merge import merge_metrics


class AggregateHealth:
    """Routes that aggregate all `services`."""

    def __init__(self, services: Mapping[str, ASGIApp]) -> None:
        self._services = services

    async def live(self, _: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """Return ready if every service is, degraded if one of them is, with the response of each service."""
        answers = {name: await get_in_process(app, "/health/ready") for name, app in self._services.items()}
        all_ready = all(status == 200 for status, _ in answers.values())
        health = {name: json.loads(body) for name, (_, body) in answers.items()}
        degraded = any(answer.get("status") == "degraded" for answer in health.values())
        status = "not ready" if not all_ready else "degraded" if degraded else "ready"
        return JSONResponse({"status": status, "services": health}, 200 if all_ready else 503)

    async def metrics(self, _: Request) -> Response:
        pages = {name: (await get_in_process(app, "/metrics"))[1].decode() for name, app in self._services.items()}
        return Response(merge_metrics(pages), media_type=CONTENT_TYPE_LATEST)


def aggregate_app(services: Mapping[str, ASGIApp]) -> Starlette:
    """Return the app for all paths that belong to no service."""
    aggregate = AggregateHealth(services)
    return Starlette(
        routes=[
            Route("/health/live", aggregate.live),
            Route("/health/ready", aggregate.ready),
            Route("/metrics", aggregate.metrics),
        ],
        exception_handlers={HTTPException: _problem},
    )


async def _problem(_: Request, error: Exception) -> Response:
    """Return a problem (RFC 9457), as the services do."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    title = error.detail if isinstance(error, HTTPException) else "Internal error"
    body = {"type": "about:blank", "title": title, "status": status, "code": title.lower().replace(" ", "-")}
    return JSONResponse(body, status, media_type="application/problem+json")
