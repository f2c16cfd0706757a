"""The client's requests, and the fake's answers, against GitHub's own description of its API."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from jsonschema import ValidationError

from proposer.domain.prompt_homes import PromptHome
from proposer.forges.github import GitHub
from proposer.forges.port import ProposedCommit
from tests.support.forges import FakeGitHub
from tests.support.octokit import GitHubDescription, fetch_description
from tests.support.proposer import KEY

HOME = PromptHome(KEY, "forge", "acme/app", "main", "prompts/answer.txt", "text", ("prompts/*",), ("ratchet",))
BRANCH = "self-improving/bot-20260101-1200"


@pytest.fixture(scope="module")
def description() -> GitHubDescription:
    return GitHubDescription(fetch_description())


def proposed(fake: FakeGitHub, content: bytes) -> ProposedCommit:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return ProposedCommit(BRANCH, fake.repository.branches["main"], content, "improve(bot): x", "m", "b", at)


async def test_every_request_and_answer_is_described(description: GitHubDescription) -> None:
    seen: set[str] = set()
    fake = FakeGitHub()

    def handle(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        response = fake.handle(request)
        body = fake.requests[-1][2]
        description.check_request(request.method, path, body, set(request.url.params.keys()))
        description.check_answer(
            request.method, path, response.status_code, response.json() if response.content else None
        )
        seen.add(f"{request.method} {description.operation(request.method, path)['operationId']}")
        return response

    fake.repository.commit("main", HOME.path, "Be brief.\n")
    forge = GitHub("https://api.github.com", "t", httpx.MockTransport(handle))
    await forge.read_file(HOME)
    opened = await forge.open(HOME, proposed(fake, b"Cite.\n"))
    await forge.get(HOME, opened, BRANCH)
    fake.repository.commit("main", HOME.path, "Be kind.\n")
    head = await forge.recommit_on_base(HOME, proposed(fake, b"Cite kindly.\n"), opened.head_sha)
    await forge.edit(HOME, opened, "New.")
    await forge.close(HOME, type(opened)(opened.number, opened.url, head, opened.state), BRANCH, "Done.")
    assert len(seen) == len(fake.routes)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/repos/acme/app/pulls", {"title": "x", "head": "b"}),
        ("POST", "/repos/acme/app/pulls", {"title": "x", "head": "b", "base": "m", "automerge": True}),
        ("POST", "/repos/acme/app/git/refs", {"ref": 1, "sha": "x"}),
        ("POST", "/repos/acme/app/merge-it", {}),
    ],
)
def test_wrong_requests_are_found(description: GitHubDescription, method: str, path: str, body: Any) -> None:
    with pytest.raises((ValidationError, AssertionError, LookupError)):
        description.check_request(method, path, body, set())
