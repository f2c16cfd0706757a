"""The page of the API's document works without a session and without another host; the document is of all services."""

import pytest

from console.domain.api_document import merge_documents
from tests.support.console import FakeServices, console_client

PATHS = {
    "collector": "/v1/executions",
    "analyzer": "/v1/quality",
    "proposer": "/v1/candidates",
    "evaluator": "/v1/datasets",
    "gatekeeper": "/v1/prompts",
}
"""A path of each service; `tests/unit/shared/test_openapi.py` merges their whole documents."""


@pytest.fixture
def described() -> FakeServices:
    services = FakeServices()
    for name, path in PATHS.items():
        services.answers[f"/v1/openapi/{name}"] = {
            "openapi": "3.1.0",
            "info": {"version": "1"},
            "paths": {path: {"get": {"tags": [name], "responses": {}}}},
            "components": {},
        }
    return services


async def test_document_is_of_all_services_and_needs_no_key(described: FakeServices) -> None:
    async with console_client(described, signed_in=False) as client:
        answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")
    assert answer.json()["paths"].keys() == set(PATHS.values())
    assert all("authorization" not in request.headers for request in described.requests)


async def test_no_document_while_a_service_is_unavailable(described: FakeServices) -> None:
    described.answers["/v1/openapi/proposer"] = (502, {})
    async with console_client(described) as client:
        answer = await client.get("/openapi.json")
    assert answer.status_code == 503


async def test_page_loads_only_bundled_files() -> None:
    async with console_client(FakeServices(), signed_in=False) as client:
        page = await client.get("/docs")
        files = [part.split('"')[0] for part in page.text.replace('src="', 'href="').split('href="')[1:]]
        answers = {file: (await client.get(file)).status_code for file in files if file != "/openapi.json"}
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert all(file.startswith("/") and not file.startswith("//") for file in files)
    assert len(answers) == 4
    assert set(answers.values()) == {200}


def test_different_schemas_of_one_name_stay_apart() -> None:
    def document(path: str, kind: str) -> dict[str, object]:
        schema = {"$ref": "#/components/schemas/Thing"}
        operation = {"tags": ["loop"], "responses": {"200": {"content": {"application/json": {"schema": schema}}}}}
        return {
            "openapi": "3.1.0",
            "info": {"version": "1"},
            "paths": {path: {"get": operation}},
            "components": {"schemas": {"Thing": {"type": kind}, "Same": {"type": "null"}}},
        }

    merged = merge_documents({"a": document("/a", "string"), "b": document("/b", "integer")})
    assert merged["components"]["schemas"] == {
        "Thing": {"type": "string"},
        "Thing_b": {"type": "integer"},
        "Same": {"type": "null"},
    }
    shown = merged["paths"]["/b"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert shown == {"$ref": "#/components/schemas/Thing_b"}
