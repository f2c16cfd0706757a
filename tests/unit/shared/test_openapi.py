"""The API's document is complete: each operation says who may use it, what it takes, and how it may be refused."""

import re
from typing import Any

import pytest

from tests.support.api_document import PROBLEM, DescribedApi, api_document, service_apps

OPEN = {("POST", "/v1/sessions")}
"""Operations that need no key."""
COMMON = {"400", "422", "429", "500", "503"}
NEVER_LIMITED = ("/v1/halt", "/rollback")
NO_PROBLEMS = "/v1/traces"
"""Its refusals have the form of OTLP."""


@pytest.fixture(scope="module")
def api() -> DescribedApi:
    return DescribedApi(api_document())


def test_every_operation_is_described(api: DescribedApi) -> None:
    operations = list(api.operations())
    assert len(operations) > 70
    for method, path, operation in operations:
        name = f"{method} {path}"
        assert operation["tags"][0] in {tag["name"] for tag in api_document()["tags"]}, name
        assert len(operation["description"]) > 20, name
        assert ("security" in operation) == ((method, path) not in OPEN), name
        assert ("401" in operation["responses"]) == ("security" in operation) or (method, path) in OPEN, name
        assert any(status < "300" for status in operation["responses"]), name
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)


def test_no_operation_hides_another() -> None:
    """The document has operations in the order in which their routes are tried."""
    tried: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, app in service_apps().items():
        for path, operations in app.openapi()["paths"].items():
            for method in operations:
                example = re.sub(r"\{[^}]*\}", "x", path)
                before = [other for other, pattern in tried.get(method, []) if pattern.fullmatch(example)]
                assert not before, (name, method, path, before)
                # A parameter may stand for several segments, as `{name:path}` does; the document does not say which.
                slashes = ".+" if path == "/v1/prompts/{name}" else "[^/]+"
                pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", slashes, re.escape(path)))
                tried.setdefault(method, []).append((path, pattern))


def test_every_json_response_is_described_field_by_field(api: DescribedApi) -> None:
    free = {
        ("GET", "/v1/datasets/{name}/versions/{digest}/manifest"),  # a file with a format of its own
        ("POST", "/v1/traces"),  # the form that OTLP has
    }
    vague = set()
    for method, path, operation in api.operations():
        for status, response in operation["responses"].items():
            content = api.resolve(response).get("content", {}).get("application/json")
            if status.startswith("2") and content is not None:
                schema = api.resolve(content.get("schema", {}))
                is_map = isinstance(schema.get("additionalProperties"), dict)
                if not (schema.keys() & {"properties", "anyOf", "items"} or is_map):
                    vague.add((method, path))
    assert vague == free


def test_every_problem_has_its_codes_and_headers(api: DescribedApi) -> None:
    for method, path, operation in api.operations():
        if (method, path) == ("POST", NO_PROBLEMS):
            continue
        limited = not path.endswith(NEVER_LIMITED)
        assert operation["responses"].keys() >= COMMON - ({"429"} if not limited else set()), path
        for status, reference in operation["responses"].items():
            response = api.resolve(reference)
            assert ("RateLimit" in response["headers"]) == limited, (path, status)
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503")), (path, status)
            if status >= "400":
                media = response["content"][PROBLEM]
                assert media["schema"]["allOf"][1]["properties"]["code"]["enum"], (path, status)
                assert api.is_valid(media["schema"], media["example"]), (path, status)


def test_every_body_has_an_example_that_its_schema_accepts(api: DescribedApi) -> None:
    found = 0
    for method, path, operation in api.operations():
        contents: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
        for media, content in contents.items():
            examples = [each["value"] for each in content.get("examples", {}).values()]
            examples += [content["example"]] if "example" in content else []
            for schema in content["schema"].get("anyOf", [content["schema"]]):  # an optional body may also be null
                examples += api.resolve(schema).get("examples", [])
            assert examples or "protobuf" in media, (method, path, media)
            assert all(api.is_valid(content["schema"], example) for example in examples), (method, path)
            found += len(examples)
    assert found >= 15


def test_every_reference_resolves(api: DescribedApi) -> None:
    def check(value: Any) -> None:
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(each)
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            assert api.resolve(value), value

    check(api_document())


def test_no_framework_error_is_documented() -> None:
    assert "HTTPValidationError" not in str(api_document())
    assert "x-problem-codes" not in str(api_document())
