"""GitHub's own description of its REST API, from the npm package `@octokit/openapi`."""

import fcntl
import json
import re
import subprocess
import tarfile
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.requirements import ROOT, missing, prism_missing

VERSION = "23.0.2"
_FOLDER = ROOT / ".cache" / "octokit" / VERSION
_MEMBER = "package/generated/api.github.com.json"


def fetch_description() -> dict[str, Any]:
    """Return the OpenAPI document, fetched by npm once (28 MB). A file lock serialises concurrent processes."""
    file = _FOLDER / "api.github.com.json"
    if not file.is_file():
        if reason := prism_missing():
            missing(reason.replace("Prism", "description of GitHub's API"))
        _FOLDER.mkdir(parents=True, exist_ok=True)
        with (_FOLDER.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.is_file():
                _fetch()
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def _fetch() -> None:
    done = subprocess.run(
        ["npm", "pack", f"@octokit/openapi@{VERSION}", "--silent", "--pack-destination", str(_FOLDER)],
        check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=_FOLDER,
    )  # fmt: skip
    archives = list(_FOLDER.glob("*.tgz"))
    if done.returncode or not archives:
        missing(f"no description of GitHub's API: npm could not fetch it: {done.stderr.strip()[-300:]}")
    with tarfile.open(archives[0]) as archive:
        member = archive.extractfile(_MEMBER)
        assert member is not None
        unfinished = _FOLDER / "new.json"
        unfinished.write_bytes(member.read())
    unfinished.rename(_FOLDER / "api.github.com.json")
    archives[0].unlink()


class GitHubDescription:
    """Checks of requests and answers against the description."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """Return the operation of a request. Raises LookupError if there is none."""
        for template, operations in self._document["paths"].items():
            if method.lower() in operations and _pattern(template).fullmatch(path):
                found: dict[str, Any] = operations[method.lower()]
                return found
        raise LookupError(f"{method} {path} is not described")

    def check_request(self, method: str, path: str, body: Any, query: set[str]) -> None:
        """Raise if a request has a body, a member or a parameter that the description does not have."""
        operation = self.operation(method, path)
        described = {self._resolved(p)["name"] for p in operation.get("parameters", ())}
        assert query <= described, f"{method} {path}: {query - described}"
        if body is None:
            assert "requestBody" not in operation or not operation["requestBody"].get("required")
            return
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        self._validator(schema).validate(body)
        for each in [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            if "properties" in each:
                assert set(body) <= set(each["properties"]), f"{method} {path}: {body}"

    def check_answer(self, method: str, path: str, status: int, answer: Any) -> None:
        """Raise if a status is not described, or a member has another type; members that are missing are none here."""
        response = self._resolved(self.operation(method, path)["responses"][str(status)])
        content = response.get("content", {}).get("application/json")
        if content is not None:
            self._validator(_optional(content["schema"])).validate(answer)

    def _resolved(self, found: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in found:
            node: Any = self._document
            for part in found["$ref"].removeprefix("#/").split("/"):
                node = node[part]
            found = node
        return found

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        return Draft202012Validator({**_nullable(schema), "components": self._components()})

    @cache  # noqa: B019 (one per test session)
    def _components(self) -> dict[str, Any]:
        schemas = self._document["components"]["schemas"]
        return {"schemas": {name: _optional(schema) for name, schema in schemas.items()}}


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\})", template)
    return re.compile("".join("(.+)" if p == "{ref}" else "([^/]+)" if p[:1] == "{" else re.escape(p) for p in parts))


def _optional(schema: Any) -> Any:
    """Return a schema in which nothing is required: the fake answers with the members that the client reads."""
    if isinstance(schema, list):
        return [_optional(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "required" or not isinstance(value, list)}
    return _nullable({key: _optional(value) for key, value in kept.items()})


def _nullable(schema: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema: `nullable` adds null."""
    if isinstance(schema, dict) and schema.get("nullable") is True:
        return {"anyOf": [{key: value for key, value in schema.items() if key != "nullable"}, {"type": "null"}]}
    return schema
