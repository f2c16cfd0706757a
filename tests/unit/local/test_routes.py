"""Every path of every service is in the routing table, and leads to that service."""

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from ratchet_local.routes import ROUTES, SERVICES, STREAMS, service_of
from shared.messaging import topics
from tests.support.api_document import service_apps
from tests.support.console import shared_app

OF_ALL = {"/health/live", "/health/ready", "/metrics"}


def test_every_route_of_a_service_is_in_the_table() -> None:
    for service, app in service_apps().items():
        paths = [path for path in app.openapi()["paths"] if path.startswith(("/v1/", "/api/v1/"))]
        assert paths
        assert {path: service_of(path) for path in paths} == dict.fromkeys(paths, service)


def test_the_table_names_only_services_that_exist() -> None:
    assert set(ROUTES.values()) == set(SERVICES) == set(topics.SERVICES)
    assert set(ROUTES) >= STREAMS


def test_every_console_page_is_routed_to_it() -> None:
    own = [*(path for path in shared_app().openapi()["paths"] if path not in OF_ALL), "/static/console.css"]
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
    for app in service_apps().values():
        assert any(isinstance(route, APIRoute) for route in app.routes)
