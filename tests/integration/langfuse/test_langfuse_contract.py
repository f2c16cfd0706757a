"""Our requests to Langfuse and our handling of its responses, verified with its own OpenAPI document.

Prism runs between the reader and the test server, and rejects requests that the document does not allow. The test
server's responses are verified as well, so that all tests that use it conform to the document.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError
from pydantic_core import from_json

from collector.domain.pulls.pull_window import Slice
from collector.domain.pulls.regression_scores import regression_scores
from collector.pulls.langfuse_source import LangfuseSource
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.langfuse.runner import run
from ratchet_backtest.report import Report
from ratchet_backtest.runner import BacktestOptions
from ratchet_langfuse.config import LangfuseConfig
from ratchet_langfuse.http import Server, connect
from tests.support.eventually import PATIENCE_S
from tests.support.langfuse import PUBLIC, SECRET, Langfuse, ScriptedResponse, served
from tests.support.langfuse_history import FALLEN, NOW, score, server_with_history
from tests.support.prism import validating_proxy
from tests.support.proposer import regression
from tests.support.pulls import ENVIRON, ago, langfuse_pull, server_with_traces, support_trace
from tests.support.requirements import contract_file

VERSIONS = ("4.16.0", "3.150.1")
PROMPT = "/api/public/v2/prompts/{promptName}"
Json = dict[str, Any]
_ENDS = 5


@dataclass
class ValidatedServer:
    """`server` is reachable at `address`; `responses` records its responses by the document's paths."""

    description: Path
    server: Langfuse = field(default_factory=Langfuse)
    responses: list[tuple[str, Any]] = field(default_factory=list)
    address: str = ""

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> ScriptedResponse:
        response = self.server.respond(method, target, headers, body)
        self.responses.append((path_template(self.server.requests[-1][1]), from_json(response.body)))
        return response

    @cached_property
    def document(self) -> Json:
        """Return the document with `nullable` converted to JSON Schema."""
        found: Json = allow_nulls(yaml.safe_load(self.description.read_text("utf-8")))
        return found

    def check(self, path: str, body: Any) -> None:
        """Raise ValidationError if a response does not conform; of long lists, check the ends."""
        if len(body.get("data", ())) > 2 * _ENDS:
            body = {**body, "data": body["data"][:_ENDS] + body["data"][-_ENDS:]}
        schema = self.document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": self.document["components"]}).validate(body)


@pytest.fixture(scope="module")
def validated_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValidatedServer]:
    found = ValidatedServer(contract_file("langfuse-openapi.yml"))
    log = tmp_path_factory.mktemp("prism") / "prism.log"
    with served(found) as upstream, validating_proxy(found.description, upstream, log) as found.address:
        yield found


@pytest.fixture
def validated(validated_server: ValidatedServer) -> ValidatedServer:
    validated_server.responses.clear()
    return validated_server


def run_backtest_of(address: str, **given: Any) -> Report:
    config = LangfuseConfig(address, PUBLIC, SECRET)
    with connect(config) as client:
        server = Server(address, client, lambda seconds, why: None, lambda: NOW)
        return run(30, BacktestOptions(ColumnChoice(**given)), server, lambda stage, total: lambda done: None, NOW)


def path_template(path: str) -> str:
    return PROMPT if path.startswith("/api/public/v2/prompts/") else path


@pytest.mark.simulation
@pytest.mark.parametrize("version", VERSIONS)
def test_requests_and_responses_conform_to_the_document(validated: ValidatedServer, version: str) -> None:
    server = validated.server = server_with_history(*FALLEN, version=version)
    of_a_call = {"kind": "observation", "id": "t1-g", "traceId": "t1"}
    server.scores += [
        score(1, "verdict", "correct", NOW, source="EVAL", subject=of_a_call),
        score(2, "faithfulness", 0.5, NOW, source="ANNOTATION"),
        score(3, "user-thumbs", True, NOW, id="s", subject={"kind": "session", "id": "s1"}),
    ]
    dates = {"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z", "isArchived": False}
    limits = {"dataType": "NUMERIC", "minValue": 1, "maxValue": 7}
    server.configs = [{"id": "c", "projectId": "p", "name": "style", **limits, **dates}]
    (result,) = [each for each in run_backtest_of(validated.address, input="input").results if each.falls]
    assert result.falls[0].repair is not None
    assert result.falls[0].repair.kind == "restore"
    check_conformity(validated)


@pytest.mark.parametrize("version", VERSIONS)
def test_pulls_conform_to_the_document(validated: ValidatedServer, version: str) -> None:
    server = validated.server = server_with_traces(version)
    server.observations += support_trace("other", ago(hours=2), traceName="other")
    for options in ({}, {"trace_name": "support-bot", "tags": ["prod", "support"]}):
        environ = {**ENVIRON, "LANGFUSE_HOST": validated.address}
        source = LangfuseSource(langfuse_pull(**options), environ=environ)
        with closing(source):
            items = [item for group in source.read(Slice(ago(hours=6), ago(minutes=10))) for item in group]
        routes = [item.route for item in items]
        assert (routes.count("executions"), routes.count("feedback")) == (3 if options else 4, 3)
    check_conformity(validated)


def test_written_scores_conform_to_the_document(validated: ValidatedServer) -> None:
    server = validated.server = Langfuse()
    event = regression(affected_executions=("langfuse-t1", "other"))
    (score,) = regression_scores(event)
    source = LangfuseSource(langfuse_pull(), environ={**ENVIRON, "LANGFUSE_HOST": validated.address})
    with closing(source):
        assert source.write_score(score.body)
        assert not source.write_score({**score.body, "name": None})  # refused by Prism
    assert [body["name"] for body in server.created] == ["ratchet.regression"]


def check_conformity(validated: ValidatedServer) -> None:
    """Check all requests and responses so far with the document."""
    for path, body in validated.responses:
        validated.check(path, body)
    for method, path, params in validated.server.requests:
        known = {each["name"] for each in validated.document["paths"][path_template(path)]["get"]["parameters"]}
        assert (method, set(params) - known) == ("GET", set()), path  # Prism ignores unknown parameters


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ("v2/observations?limit=many", 422),
        ("v2/observations?isRootObservation=perhaps", 422),
        ("v2/observations?fromStartTime=yesterday", 422),
        ("v3/scores?limit=1.5", 422),
        ("v4/observations", 404),
    ],
)
def test_prism_rejects_invalid_requests(validated: ValidatedServer, wrong: str, status: int) -> None:
    validated.server = Langfuse()
    with httpx.Client(base_url=validated.address, auth=(PUBLIC, SECRET), timeout=PATIENCE_S) as client:
        assert client.get(f"/api/public/{wrong}").status_code == status
    assert httpx.get(f"{validated.address}/api/public/v3/scores", timeout=PATIENCE_S).status_code == 401
    assert validated.responses == []


def test_response_check_rejects_invalid_responses(validated: ValidatedServer) -> None:
    page = {"data": [score(1, "thumbs", True, NOW)], "meta": {"limit": 100}}
    validated.check("/api/public/v3/scores", page)
    with pytest.raises(ValidationError):
        validated.check("/api/public/v3/scores", {**page, "data": [score(1, "thumbs", True, NOW, source="NOBODY")]})


def allow_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [allow_nulls(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: allow_nulls(each) for name, each in value.items() if name != "nullable"}
    if value.get("nullable") is True and ("$ref" in found or "type" in found):
        return {"anyOf": [found, {"type": "null"}]}
    return found
