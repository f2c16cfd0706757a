"""Branches on a real bare repository, served over http by git itself."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proposer.domain.json_strings import UnusableFile
from proposer.domain.prompt_homes import PromptHome
from proposer.forges.git_remote import GitRemote
from proposer.forges.port import ForgeError, ProposedCommit
from tests.support.git_http import BareRepository, git_server
from tests.support.proposer import KEY

PATH = "prompts/answer.txt"
HOME = PromptHome(KEY, "git", "acme/app.git", "main", PATH, "text", ("prompts/*",))
BRANCH = "self-improving/bot-20260101-1200"


@pytest.fixture
def repository(tmp_path: Path) -> BareRepository:
    found = BareRepository(tmp_path / "acme" / "app.git")
    found.commit("main", "README.md", "Hello")
    found.commit("main", PATH, "Be brief.\n")
    return found


@pytest.fixture
def remote(repository: BareRepository) -> Iterator[GitRemote]:
    with git_server(repository.folder.parents[1]) as url:
        yield GitRemote(url, None)


def proposed(repository: BareRepository, content: str = "Cite.\nBe brief.\n", **fields: Any) -> ProposedCommit:
    given: dict[str, Any] = {
        "branch": BRANCH, "base_sha": repository.head("main"), "content": content.encode(), "title": "improve(bot): x",
        "message": "improve(bot): x\n\nproposal 1\n", "body": "", "at": datetime(2026, 1, 1, 12, tzinfo=UTC),
    }  # fmt: skip
    return ProposedCommit(**{**given, **fields})


async def test_a_branch_is_pushed_closed_and_merged(repository: BareRepository, remote: GitRemote) -> None:
    found = await remote.read_file(HOME)
    assert (found.base_sha, found.content) == (repository.head("main"), b"Be brief.\n")

    opened = await remote.open(HOME, proposed(repository))
    assert await remote.open(HOME, proposed(repository)) == opened
    assert repository.head(BRANCH) == opened.head_sha
    changes = repository.git("diff-tree", "-r", "--name-status", "main", BRANCH)
    assert changes == f"M\t{PATH}"
    assert repository.git("log", "-1", "--format=%P %an %aI", BRANCH) == (
        f"{repository.head('main')} Ratchet 2026-01-01T12:00:00+00:00"
    )
    assert (await remote.get(HOME, opened, BRANCH)).state == "open"

    repository.git("update-ref", "refs/heads/main", opened.head_sha)
    assert (await remote.get(HOME, opened, BRANCH)).state == "merged"


async def test_a_deleted_branch_was_closed(repository: BareRepository, remote: GitRemote) -> None:
    opened = await remote.open(HOME, proposed(repository))
    await remote.close(HOME, opened, BRANCH, "")
    assert repository.head(BRANCH) is None
    assert (await remote.get(HOME, opened, BRANCH)).state == "closed"


async def test_a_force_pushed_base_gets_a_new_commit(repository: BareRepository, remote: GitRemote) -> None:
    opened = await remote.open(HOME, proposed(repository))
    repository.commit("main", PATH, "Be brief.\nBe kind.\n", orphan=True)
    moved = proposed(repository, "Cite.\nBe brief.\nBe kind.\n")
    head = await remote.recommit_on_base(HOME, moved, opened.head_sha)
    assert repository.content(BRANCH, PATH) == "Cite.\nBe brief.\nBe kind."
    assert repository.git("rev-parse", f"{head}^") == repository.head("main")


async def test_commits_of_others_are_kept(repository: BareRepository, remote: GitRemote) -> None:
    opened = await remote.open(HOME, proposed(repository))
    theirs = repository.commit(BRANCH, "notes.md", "Mine.")
    with pytest.raises(ForgeError) as raised:
        await remote.recommit_on_base(HOME, proposed(repository, "Another.\n"), opened.head_sha)
    assert raised.value.kind == "invalid"
    await remote.close(HOME, opened, BRANCH, "")
    assert repository.head(BRANCH) == theirs


@pytest.mark.parametrize(("mode", "content"), [("120000", "/etc/passwd"), ("100755", "#!/bin/sh")])
async def test_only_regular_files_are_read(
    repository: BareRepository, remote: GitRemote, mode: str, content: str
) -> None:
    repository.commit("main", PATH, content, mode)
    with pytest.raises(UnusableFile, match=mode):
        await remote.read_file(HOME)


async def test_hooks_and_configuration_of_the_machine_are_not_used(
    repository: BareRepository, remote: GitRemote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked = tmp_path / "hooked"
    hook = tmp_path / "hooks" / "pre-push"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {hooked}\n")
    hook.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f'[core]\n hooksPath = {hook.parent}\n[url "ext::touch {hooked} "]\n insteadOf = http://\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    await remote.open(HOME, proposed(repository))
    assert not hooked.exists()


async def test_the_token_is_sent_and_never_shown(repository: BareRepository) -> None:
    wanted = "Basic " + base64.b64encode(b"ratchet:hunter2").decode()
    with git_server(repository.folder.parents[1], wanted) as url:
        assert (await GitRemote(url, "hunter2").read_file(HOME)).content == b"Be brief.\n"
        with pytest.raises(ForgeError) as raised:
            await GitRemote(url, "hunter3").read_file(HOME)
    assert raised.value.kind == "refused"
    assert "hunter3" not in str(raised.value)
    with pytest.raises(ForgeError) as raised:
        await GitRemote(url, "hunter2").read_file(HOME)
    assert raised.value.kind == "unavailable"


@pytest.mark.parametrize("url", ["file:///tmp", "ext::sh -c true", "ssh://127.0.0.1"])
async def test_other_transports_are_refused(url: str) -> None:
    with pytest.raises(ForgeError, match=r"not allowed|not supported|forbidden"):
        await GitRemote(url, None).read_file(HOME)
