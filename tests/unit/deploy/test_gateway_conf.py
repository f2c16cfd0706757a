"""The gateway's configuration is generated from the routing table."""

from deploy.docker.gateway import configuration
from ratchet_local.routes import ROUTES
from tests.support.requirements import ROOT

_TEXT = configuration()


def test_file_is_up_to_date() -> None:
    assert (ROOT / "deploy/docker/gateway.conf").read_text() == _TEXT, "run `make deploy/docker/gateway.conf`"


def test_every_route_leads_to_its_service() -> None:
    for path, service in ROUTES.items():
        assert f"location ~ ^{path}(/|$) {{\n      proxy_pass http://{service}:8000;" in _TEXT


def test_metrics_of_a_template_go_before_the_other_routes_of_templates() -> None:
    own = "location ~ ^/api/v1/prompts/templates/.+/metrics$ {\n      proxy_pass http://collector:8000;"
    assert 0 < _TEXT.index(own) < _TEXT.index("location ~ ^/api/v1/prompts(/|$)")


def test_only_streams_are_not_buffered() -> None:
    assert _TEXT.count("proxy_buffering off") == 2
    assert "location = /events {\n      proxy_pass http://console:8000;\n      proxy_buffering off" in _TEXT
    assert "/v1/stream(/|$) {\n      proxy_pass http://gatekeeper:8000;\n      proxy_buffering off" in _TEXT


def test_braces_match_and_headers_have_a_deadline() -> None:
    assert _TEXT.count("{") == _TEXT.count("}")
    assert "client_header_timeout 5s;" in _TEXT
