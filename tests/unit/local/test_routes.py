"""Every path of every service is in the routing table, and leads to that service."""

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

import analyzer.app
import analyzer.settings
import collector.app
import collector.settings
import console.app
import console.settings
import gatekeeper.app
import gatekeeper.settings
import proposer.app
import proposer.settings
from ratchet.signing import new_private_key
from ratchet_local.routes import ROUTES, SERVICES, STREAMS, service_of
from shared.messaging import topics

_SETTINGS = {"database_url": "postgresql://nobody@/nothing", "kafka_bootstrap": "127.0.0.1:9"}


OF_ALL = {"/health/live", "/health/ready", "/metrics"}
_SHOWN = {"kafka_bootstrap": "127.0.0.1:9"}


def _apps() -> dict[str, FastAPI]:
    """The apps, built but not started."""
    keeper = gatekeeper.settings.GatekeeperSettings.model_validate({**_SETTINGS, "signing_key": new_private_key()})
    return {
        "gatekeeper": gatekeeper.app.build_app(keeper),
        "collector": collector.app.build_app(collector.settings.CollectorSettings.model_validate(_SETTINGS)),
        "analyzer": analyzer.app.build_app(analyzer.settings.AnalyzerSettings.model_validate(_SETTINGS)),
        "proposer": proposer.app.build_app(proposer.settings.ProposerSettings.model_validate(_SETTINGS)),
    }


def test_every_route_of_a_service_is_in_the_table() -> None:
    for service, app in _apps().items():
        paths = [path for path in app.openapi()["paths"] if path.startswith("/v1/")]
        assert paths
        assert {path: service_of(path) for path in paths} == dict.fromkeys(paths, service)


def test_the_table_names_only_services_that_exist() -> None:
    assert set(ROUTES.values()) == set(SERVICES) == set(topics.SERVICES)
    assert set(ROUTES) >= STREAMS


def test_every_console_page_is_routed_to_it() -> None:
    app = console.app.build_app(console.settings.ConsoleSettings.model_validate(_SHOWN))
    own = [*(path for path in app.openapi()["paths"] if path not in OF_ALL), "/static/console.css"]
    assert {"/", "/events", "/sign-in"} <= set(own)
    assert {path: service_of(path) for path in own} == dict.fromkeys(own, "console")


@pytest.mark.parametrize("path", ["/metrics", "/health/ready", "/v1", "/v1/promptsx", "/v1/ops", "/v1/ops/none/x"])
def test_other_paths_belong_to_no_service(path: str) -> None:
    assert service_of(path) is None


@given(st.sampled_from(sorted(ROUTES)), st.lists(st.text(st.characters(exclude_characters="/")), max_size=4))
def test_paths_below_a_route_follow_it(path: str, below: list[str]) -> None:
    assert service_of("/".join([path, *below])) == ROUTES[path]


def test_apis_are_plain_routes() -> None:
    """Mounted apps would hide paths from the check above."""
    for app in _apps().values():
        assert any(isinstance(route, APIRoute) for route in app.routes)
