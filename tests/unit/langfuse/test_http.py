"""Server errors: transient ones are retried, others are reported in one line."""

import json

import httpx
import pytest

from ratchet_langfuse.api_versions import HEALTH
from ratchet_langfuse.config import LangfuseConfig
from ratchet_langfuse.errors import LangfuseAccessDenied, LangfuseError, NotFound, Unreachable
from ratchet_langfuse.http import Server, connect
from ratchet_langfuse.schemas import Health
from tests.support.langfuse import JSON, PUBLIC, SECRET, Langfuse, ScriptedResponse, error_response
from tests.support.langfuse_history import NOW

DROPPED = ScriptedResponse(dropped=True)
CUT = ScriptedResponse(body=b'{"status": "OK", "version": "4.16.0"}', cut=20)
PAGE = ScriptedResponse(body=b"<!doctype html>\n<title>Sign\x1b[2J in</title>", headers={"content-type": "text/html"})
FORM = "http://langfuse.test"


def fetch_version(*first: ScriptedResponse, tries: int = 5) -> tuple[str, list[tuple[float, str]]]:
    """Return the server's version after these responses, and the waits until then."""
    server, waits = Langfuse(), list[tuple[float, str]]()
    server.faults[HEALTH] = list(first)
    with server.client() as client:
        reader = Server(FORM, client, lambda seconds, why: waits.append((seconds, why)), lambda: NOW)
        return reader.get(HEALTH, Health, tries=tries).version, waits


@pytest.mark.parametrize("fault", [error_response(500), error_response(503), DROPPED, CUT])
def test_transient_errors_are_retried(fault: ScriptedResponse) -> None:
    assert fetch_version(fault, fault) == ("4.16.0", [(1.0, "no answer"), (2.0, "no answer")])


def test_too_many_requests_wait_as_the_server_states() -> None:
    found = fetch_version(
        error_response(429, retry_after="7"),
        error_response(429),
        error_response(500),
        error_response(429, retry_after="0"),
    )
    assert found == (
        "4.16.0",
        [(7.0, "too many requests"), (10.0, "too many requests"), (1.0, "no answer"), (0.0, "too many requests")],
    )


@pytest.mark.parametrize(
    ("faults", "kind", "message"),
    [
        ([error_response(502)] * 5, Unreachable, f"{FORM} answered 502 to {HEALTH}"),
        ([DROPPED] * 5, Unreachable, f"{FORM} is unreachable: RemoteProtocolError: Server disconnected without"),
        ([CUT] * 5, LangfuseError, f"{FORM} sent invalid JSON for {HEALTH}: Invalid JSON: EOF"),
        ([error_response(429, retry_after="3600")], Unreachable, f"{FORM} limits requests for 3600 s: try again later"),
        ([error_response(429, retry_after="1")] * 20, Unreachable, f"{FORM} limits requests for 1 s: try again later"),
        ([error_response(401)], LangfuseAccessDenied, f"{FORM} rejects LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"),
        ([error_response(403)], LangfuseAccessDenied, f"{FORM} does not permit these keys to read {HEALTH}"),
        ([error_response(404)], NotFound, f"{FORM} has no {HEALTH}: check that LANGFUSE_HOST is a Langfuse server"),
        (
            [error_response(308, location="https://b.test/x")],
            LangfuseError,
            f"{FORM} redirects {HEALTH} to https://b.test/x: check LANGFUSE_HOST",
        ),
        ([error_response(400)], LangfuseError, f'{FORM} answered 400 to {HEALTH}: {{"message": "no"}}'),
        (
            [PAGE],
            LangfuseError,
            f"{FORM} answered {HEALTH} with something other than JSON: <!doctype html> <title>",
        ),
        (
            [ScriptedResponse(body=b'{"version": 4}', headers=JSON)],
            LangfuseError,
            f"{FORM} answered {HEALTH} with unexpected JSON: vers",
        ),
    ],
)
def test_permanent_errors_are_one_line(faults: list[ScriptedResponse], kind: type[LangfuseError], message: str) -> None:
    with pytest.raises(kind) as caught:
        fetch_version(*faults)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_first_request_can_be_limited_to_one_attempt() -> None:
    with pytest.raises(Unreachable):
        fetch_version(DROPPED, tries=1)


def test_keys_are_sent_to_one_server_only() -> None:
    with connect(LangfuseConfig("https://langfuse.test/base", PUBLIC, SECRET)) as client:
        assert not client.follow_redirects
        assert client.build_request("GET", HEALTH).url == "https://langfuse.test/base/api/public/health"
        request = next(client.auth.sync_auth_flow(client.build_request("GET", HEALTH)))  # type: ignore[union-attr]
        assert request.headers["authorization"] == httpx.BasicAuth(PUBLIC, SECRET)._auth_header
        assert json.dumps(dict(request.headers)).count("Basic") == 1
