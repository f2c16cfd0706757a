"""The clients of GitHub and GitLab against fakes with the same contract, and what they do about errors."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from proposer.domain.boundary_checks import DraftState
from proposer.domain.json_strings import UnusableFile
from proposer.domain.prompt_homes import PromptHome
from proposer.forges.github import GitHub
from proposer.forges.gitlab import GitLab
from proposer.forges.port import Forge, ForgeError, OpenedPullRequest, ProposedCommit
from tests.support.forges import FakeForge, FakeGitHub, FakeGitLab
from tests.support.proposer import KEY

PATH = "prompts/answer.txt"
HOME = PromptHome(KEY, "forge", "acme/app", "main", PATH, "text", ("prompts/*",), ("ratchet",))
BRANCH = "self-improving/bot-20260101-1200"


@pytest.fixture(params=["github", "gitlab"])
def fake(request: pytest.FixtureRequest) -> FakeForge:
    found: FakeForge = FakeGitHub() if request.param == "github" else FakeGitLab()
    found.repository.commit("main", "README.md", "Hello")
    found.repository.commit("main", PATH, "Be brief.\n")
    return found


@pytest.fixture
def forge(fake: FakeForge) -> Forge:
    kind = GitHub if isinstance(fake, FakeGitHub) else GitLab
    return kind("https://forge.test", "secret-token", fake.transport())


def proposed(fake: FakeForge, content: str = "Cite.\nBe brief.\n", **fields: Any) -> ProposedCommit:
    given: dict[str, Any] = {
        "branch": BRANCH, "base_sha": fake.repository.branches["main"], "content": content.encode(),
        "title": "improve(bot): restore answer", "message": "improve(bot): restore answer\n\nproposal 1\n",
        "body": "## Proposal", "at": datetime(2026, 1, 1, 12, tzinfo=UTC),
    }  # fmt: skip
    return ProposedCommit(**{**given, **fields})


async def test_a_file_is_read_at_the_head_of_its_branch(fake: FakeForge, forge: Forge) -> None:
    found = await forge.read_file(HOME)
    assert (found.base_sha, found.content) == (fake.repository.branches["main"], b"Be brief.\n")


async def test_a_draft_is_opened_with_one_changed_file(fake: FakeForge, forge: Forge) -> None:
    opened = await forge.open(HOME, proposed(fake))
    (pull,) = fake.repository.pulls
    assert (opened.number, opened.state) == (1, DraftState(draft=True, auto_merge=False))
    assert (pull["title"], pull["base"], pull["head"], pull["labels"]) == (
        "improve(bot): restore answer", "main", BRANCH, ["ratchet"],
    )  # fmt: skip
    commit = fake.repository.commits[opened.head_sha]
    assert commit.parent == fake.repository.branches["main"]
    assert commit.files == {
        **fake.repository.commits[fake.repository.branches["main"]].files, PATH: ("100644", b"Cite.\nBe brief.\n"),
    }  # fmt: skip


async def test_opening_again_finds_the_same_pull_request(fake: FakeForge, forge: Forge) -> None:
    first = await forge.open(HOME, proposed(fake))
    assert await forge.open(HOME, proposed(fake)) == first
    assert len(fake.repository.pulls) == 1


async def test_an_earlier_commit_of_the_same_proposal_is_replaced(fake: FakeForge, forge: Forge) -> None:
    """The process may have died after it made the branch; then the base moved."""
    await forge.open(HOME, proposed(fake))
    fake.repository.commit("main", PATH, "Be brief.\nBe kind.\n")
    opened = await forge.open(HOME, proposed(fake, "Cite.\nBe brief.\nBe kind.\n"))
    assert fake.repository.content(BRANCH, PATH) == "Cite.\nBe brief.\nBe kind.\n"
    assert fake.repository.commits[opened.head_sha].parent == fake.repository.branches["main"]


async def test_a_branch_of_somebody_else_is_left(fake: FakeForge, forge: Forge) -> None:
    fake.repository.branches[BRANCH] = fake.repository.branches["main"]
    theirs = fake.repository.commit(BRANCH, PATH, "Mine.\n")
    with pytest.raises(ForgeError) as raised:
        await forge.open(HOME, proposed(fake))
    assert raised.value.kind == "invalid"
    assert fake.repository.branches[BRANCH] == theirs


async def test_states_are_read(fake: FakeForge, forge: Forge) -> None:
    opened = await forge.open(HOME, proposed(fake))
    status = await forge.get(HOME, opened, BRANCH)
    assert (status.state, status.head_sha) == ("open", opened.head_sha)
    fake.repository.merge(1)
    status = await forge.get(HOME, opened, BRANCH)
    assert (status.state, status.by) == ("merged", "ada")


async def test_closing_comments_and_deletes_the_own_branch(fake: FakeForge, forge: Forge) -> None:
    opened = await forge.open(HOME, proposed(fake))
    await forge.close(HOME, opened, BRANCH, "It recovered.")
    assert fake.repository.pulls[0]["state"] == "closed"
    assert fake.repository.comments == ["It recovered."]
    assert BRANCH not in fake.repository.branches


async def test_a_branch_that_others_committed_to_is_kept(fake: FakeForge, forge: Forge) -> None:
    opened = await forge.open(HOME, proposed(fake))
    theirs = fake.repository.commit(BRANCH, "notes.md", "Mine.")
    with pytest.raises(ForgeError):
        await forge.recommit_on_base(HOME, proposed(fake, "Another.\n"), opened.head_sha)
    await forge.close(HOME, opened, BRANCH, "It recovered.")
    assert fake.repository.branches[BRANCH] == theirs


async def test_rebasing_moves_the_branch(fake: FakeForge, forge: Forge) -> None:
    opened = await forge.open(HOME, proposed(fake))
    base = fake.repository.commit("main", PATH, "Be brief.\nBe kind.\n")
    moved = proposed(fake, "Cite.\nBe brief.\nBe kind.\n")
    head = await forge.recommit_on_base(HOME, moved, opened.head_sha)
    assert fake.repository.commits[head].parent == base
    assert await forge.recommit_on_base(HOME, moved, opened.head_sha) == head


async def test_the_description_is_replaced(fake: FakeForge, forge: Forge) -> None:
    opened = await forge.open(HOME, proposed(fake))
    await forge.edit(HOME, opened, "New.")
    assert fake.repository.pulls[0]["body"] == "New."


@pytest.mark.parametrize("mode", ["120000", "100755", "160000"])
async def test_only_regular_files_are_changed(fake: FakeForge, forge: Forge, mode: str) -> None:
    fake.repository.commit("main", PATH, "../secret", mode)
    with pytest.raises(UnusableFile, match=mode):
        await forge.read_file(HOME)


@pytest.mark.parametrize("mode", ["120000", "160000"])
async def test_folders_are_neither_links_nor_submodules(fake: FakeForge, forge: Forge, mode: str) -> None:
    sha = fake.repository.branches["main"]
    files = {"README.md": ("100644", b"Hello"), "prompts": (mode, b"/etc")}
    commit = type(fake.repository.commits[sha])(files, sha, "link")
    fake.repository.add("main", commit)
    with pytest.raises(UnusableFile, match=mode):
        await forge.read_file(HOME)


async def test_a_missing_file_or_branch_is_named(fake: FakeForge, forge: Forge) -> None:
    other = PromptHome(KEY, "forge", "acme/app", "main", "prompts/none.txt", "text", ("prompts/*",))
    with pytest.raises(UnusableFile, match=r"prompts/none\.txt is not in acme/app"):
        await forge.read_file(other)
    with pytest.raises(ForgeError, match="no branch develop"):
        await forge.read_file(PromptHome(KEY, "forge", "acme/app", "develop", PATH, "text", ("prompts/*",)))


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (401, {}, "refused", None),
        (403, {}, "refused", None),
        (403, {"x_ratelimit_remaining": "0", "retry_after": "30"}, "limited", 30.0),
        (404, {}, "refused", None),
        (409, {}, "invalid", None),
        (422, {}, "invalid", None),
        (429, {"retry_after": "7"}, "limited", 7.0),
        (500, {}, "unavailable", None),
        (502, {}, "unavailable", None),
        (503, {"retry_after": "9"}, "unavailable", 9.0),
        (301, {}, "invalid", None),
    ],
)
async def test_errors_are_told_apart(
    fake: FakeForge, forge: Forge, status: int, headers: dict[str, str], kind: str, wait: float | None
) -> None:
    fake.fail("POST", "pulls$|merge_requests$", (status, {"message": "No\n\x1b[31m."}), **headers)
    with pytest.raises(ForgeError) as raised:
        await forge.open(HOME, proposed(fake))
    assert (raised.value.kind, raised.value.retry_after) == (kind, wait)
    assert str(status) in str(raised.value)
    assert "secret-token" not in str(raised.value)
    assert str(raised.value).isprintable()
    assert fake.repository.pulls == []


async def test_a_limit_names_its_end(fake: FakeForge, forge: Forge) -> None:
    headers = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(time.time()) + 100)}
    fake.fail("POST", "pulls$|merge_requests$", (429, {}), **headers)
    with pytest.raises(ForgeError) as raised:
        await forge.open(HOME, proposed(fake))
    assert raised.value.retry_after == pytest.approx(100, abs=5)


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut")]
)
async def test_an_unreachable_forge_is_unavailable(fake: FakeForge, forge: Forge, error: Exception) -> None:
    fake.fail("GET", ".", error)
    with pytest.raises(ForgeError) as raised:
        await forge.read_file(HOME)
    assert raised.value.kind == "unavailable"


@pytest.mark.parametrize("content", [b"<html>", b"[" * 100_000, b"x" * 8_000_001], ids=["html", "deep", "huge"])
async def test_odd_answers_are_errors(content: bytes) -> None:
    forge = GitHub("https://forge.test", "t", httpx.MockTransport(lambda request: httpx.Response(200, content=content)))
    with pytest.raises(ForgeError):
        await forge.read_file(HOME)
    await forge.aclose()


async def test_no_request_merges_or_sets_automatic_merging(fake: FakeForge, forge: Forge) -> None:
    opened = await forge.open(HOME, proposed(fake))
    await forge.edit(HOME, opened, "New.")
    await forge.get(HOME, opened, BRANCH)
    await forge.close(HOME, opened, BRANCH, "Done.")
    assert not [path for _, path, body in fake.requests if path.endswith(("/merge", "/merges")) or "auto" in str(body)]


async def test_a_branch_is_not_deleted_for_a_pull_request_of_other_content(fake: FakeForge, forge: Forge) -> None:
    opened = await forge.open(HOME, proposed(fake))
    stale = OpenedPullRequest(opened.number, opened.url, "0" * 40, opened.state)
    await forge.close(HOME, stale, BRANCH, "Done.")
    assert BRANCH in fake.repository.branches
