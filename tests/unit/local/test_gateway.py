"""One port for several apps: routing by path, all lifespans, and aggregate responses."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, Response

from ratchet_local.aggregate_health import aggregate_app
from ratchet_local.gateway import Gateway, get_in_process, run_lifespans
from ratchet_local.metrics_merge import merge_metrics

_PAGE = '# HELP seen_total Seen\n# TYPE seen_total counter\nseen_total{kind="a"} 2.0\n'


def _service(name: str, ready: int = 200) -> FastAPI:
    app = FastAPI()

    @app.get("/health/ready")
    async def health(response: Response) -> dict[str, str]:
        response.status_code = ready
        return {"status": name}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(_PAGE)

    @app.get("/{path:path}")
    async def rest(path: str) -> dict[str, str]:
        return {name: path}

    return app


def _gateway(ready: int = 200) -> Gateway:
    apps = {name: _service(name) for name in ("collector", "console")} | {"gatekeeper": _service("gatekeeper", ready)}
    return Gateway(apps, aggregate_app(apps))


@pytest.mark.parametrize(
    ("path", "service"),
    [("/v1/feedback", "collector"), ("/v1/prompts/a/versions", "gatekeeper"), ("/v1/ops/collector/x", "collector")],
)
async def test_requests_are_routed_by_path(path: str, service: str) -> None:
    assert await get_in_process(_gateway(), path) == (
        200,
        json.dumps({service: path[1:]}, separators=(",", ":")).encode(),
    )


async def test_system_is_ready_when_every_service_is() -> None:
    assert (await get_in_process(_gateway(), "/health/ready"))[0] == 200
    status, body = await get_in_process(_gateway(ready=503), "/health/ready")
    assert status == 503
    assert json.loads(body)["services"]["collector"] == {"status": "collector"}
    assert json.loads((await get_in_process(_gateway(), "/health/live"))[1]) == {"status": "live"}


async def test_metrics_of_all_services_are_merged() -> None:
    status, body = await get_in_process(_gateway(), "/metrics")
    assert status == 200
    assert body.decode().count("# TYPE seen_total counter") == 1
    assert 'seen_total{kind="a",service="gatekeeper"} 2.0' in body.decode()


async def test_unknown_paths_are_problems() -> None:
    status, body = await get_in_process(_gateway(), "/v1/unknown")
    assert (status, json.loads(body)["code"]) == (404, "not-found")


async def test_other_paths_are_routed_to_the_console() -> None:
    assert (await get_in_process(_gateway(), "/regressions"))[1] == b'{"console":"regressions"}'
    assert (await get_in_process(_gateway(), "/"))[0] == 200


async def test_lifespans_are_entered_in_order_and_left_in_reverse() -> None:
    seen: list[str] = []

    def app(name: str) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            seen.append(f"+{name}")
            yield
            seen.append(f"-{name}")

        return FastAPI(lifespan=lifespan)

    async with run_lifespans([app("a"), app("b")]):
        seen.append("up")
    assert seen == ["+a", "+b", "up", "-b", "-a"]


def test_a_histogram_survives_the_merge() -> None:
    page = '# HELP t T\n# TYPE t histogram\nt_bucket{le="1.0"} 1.0\nt_bucket{le="+Inf"} 2.0\nt_count 2.0\nt_sum 3.0\n'
    text = merge_metrics({"analyzer": page, "proposer": page}).decode()
    assert text.count("# TYPE t histogram") == 1
    assert 't_bucket{le="+Inf",service="proposer"} 2.0' in text
