"""The services' OpenAPI documents, and what in a response they do not describe."""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
from fastapi import FastAPI
from jsonschema_rs import Draft202012Validator

import analyzer.app
import collector.app
import evaluator.app
import gatekeeper.app
import proposer.app
from analyzer.settings import AnalyzerSettings
from collector.settings import CollectorSettings
from console.domain.api_document import merge_documents
from evaluator.settings import EvaluatorSettings
from gatekeeper.settings import GatekeeperSettings
from proposer.settings import ProposerSettings
from ratchet.signing import new_private_key

PROBLEM = "application/problem+json"
_REFERENCE = re.compile(r'"\$ref": "#/components/(\w+)/([^"/]+)"')


_URLS: dict[str, Any] = {"database_url": "postgresql://unused", "kafka_bootstrap": "127.0.0.1:1"}
_BUILT: dict[str, Callable[[], FastAPI]] = {
    "collector": lambda: collector.app.build_app(CollectorSettings(**_URLS)),
    "analyzer": lambda: analyzer.app.build_app(AnalyzerSettings(**_URLS)),
    "proposer": lambda: proposer.app.build_app(ProposerSettings(**_URLS)),
    "evaluator": lambda: evaluator.app.build_app(EvaluatorSettings(**_URLS)),
    "gatekeeper": lambda: gatekeeper.app.build_app(GatekeeperSettings(**_URLS, signing_key=new_private_key())),
}


@functools.cache
def service_app(service: str) -> FastAPI:
    """Return the app of a service; it has no database to connect to."""
    return _BUILT[service]()


def service_apps() -> dict[str, FastAPI]:
    """Return the apps of the five services."""
    return {service: service_app(service) for service in _BUILT}


@functools.cache
def api_document() -> dict[str, Any]:
    """Return the document of the whole API."""
    return merge_documents({name: app.openapi() for name, app in service_apps().items()})


class DescribedApi:
    """Compares responses with an OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._validators: dict[str, Draft202012Validator] = {}
        self._paths = [
            (re.compile(re.sub(r"\\\{[^}]*\\\}", ".+", re.escape(path)), re.DOTALL), path) for path in document["paths"]
        ]
        # The most specific template that matches: the one with the most characters outside of its parameters.
        self._paths.sort(key=lambda each: -len(re.sub(r"\{[^}]*\}", "", each[1])))

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield method, path and operation of the whole document."""
        for path, operations in self._document["paths"].items():
            for method, operation in operations.items():
                yield method.upper(), path, operation

    def is_valid(self, schema: Mapping[str, Any], value: object) -> bool:
        """Return whether a value matches a schema of the document."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            self._validators[key] = Draft202012Validator({**schema, "components": self._components_of(key)})
        return self._validators[key].is_valid(value)

    def _components_of(self, text: str) -> dict[str, Any]:
        """Return the components that a schema in JSON refers to: compiling one with all of them takes 20 ms."""
        found: dict[str, dict[str, Any]] = {}
        missing = set(_REFERENCE.findall(text))
        while missing:
            kind, name = missing.pop()
            found.setdefault(kind, {})[name] = self._document["components"][kind][name]
            inner = _REFERENCE.findall(json.dumps(found[kind][name]))
            missing |= {each for each in inner if each[1] not in found.get(each[0], {})}
        return found

    def resolve(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return what a reference of the document points to, or the value itself."""
        found: Any = value
        if "$ref" in value:
            found = self._document
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
        return dict(found)

    def defects(self, method: str, path: str, response: httpx.Response) -> list[str]:
        """Return what the document does not say about the response to a request; `path` is as it was sent."""
        plain = httpx.URL(path).raw_path.decode().partition("?")[0]  # an encoded slash belongs to its segment
        templates = [template for pattern, template in self._paths if pattern.fullmatch(plain)]
        operation = next(
            (
                self._document["paths"][it][method.lower()]
                for it in templates
                if method.lower() in self._document["paths"][it]
            ),
            None,
        )
        if operation is None:
            return []  # a path that no operation has, such as one with a slash too many
        status = response.status_code
        described = operation["responses"].get(str(status))
        if described is None:
            return [f"{method} {path}: {status} is not documented: {response.text[:200]}"]
        return [f"{method} {path}: {status} {fault}" for fault in self._content(self.resolve(described), response)]

    def _content(self, described: Mapping[str, Any], response: httpx.Response) -> Iterator[str]:
        media = response.headers.get("content-type", "").partition(";")[0]
        contents = described.get("content", {})
        if not contents and not response.content:
            return
        if media not in contents:
            yield f"the media type {media or 'none'} is not documented"
        elif media in ("application/json", PROBLEM):
            value = response.json()
            if not self.is_valid(contents[media]["schema"], value):
                yield f"does not match its schema: {response.text[:300]}"


def response_check(app: FastAPI) -> dict[str, list[Any]]:
    """Return the `event_hooks` of a client, by which each response must be as the app's document describes it."""
    described = DescribedApi(app.openapi())

    async def check(response: httpx.Response) -> None:
        if "text/event-stream" in response.headers.get("content-type", ""):
            return
        await response.aread()
        request = response.request
        defects = described.defects(request.method, request.url.raw_path.decode(), response)
        assert not defects, defects

    return {"response": [check]}


@functools.cache
def service_check(service: str) -> dict[str, list[Any]]:
    """Return the `event_hooks` of `response_check` for a service, made once for all tests."""
    return response_check(service_app(service))
