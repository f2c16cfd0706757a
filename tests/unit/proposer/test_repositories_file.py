"""The file of repositories: what it declares, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest

from proposer.domain.model import PromptKey
from proposer.forges.forge_clients import create_clients
from proposer.forges.git_remote import GitRemote
from proposer.forges.github import GitHub
from proposer.forges.gitlab import GitLab
from proposer.forges.repository_declarations import NO_REPOSITORIES, InvalidRepositories, load_repositories

EXAMPLE = Path(__file__).parents[3] / "examples" / "repositories.toml"
ENVIRON = {"GITHUB_TOKEN": "secret"}


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = EXAMPLE.read_text("utf-8")
    assert old in text
    path = tmp_path / "repositories.toml"
    path.write_text(text.replace(old, new), "utf-8")
    return path


def test_the_example_is_valid() -> None:
    found = load_repositories(EXAMPLE, ENVIRON)
    home = found.homes()[PromptKey("default", "production", "triage")]
    assert (home.format, home.anchor, home.path) == ("python_constant", "ratchet: triage", "src/support/prompts.py")
    assert found.declared()["default", "production", "support-bot"].model == "prompt-only"
    assert isinstance(create_clients(found, ENVIRON)["github"], GitHub)


def test_without_a_file_there_is_nothing() -> None:
    assert load_repositories(None) is NO_REPOSITORIES
    assert create_clients(NO_REPOSITORIES) == {}


@pytest.mark.parametrize(("kind", "client"), [("gitlab", GitLab), ("git", GitRemote)])
def test_each_kind_has_its_client(tmp_path: Path, kind: str, client: type[Any]) -> None:
    found = load_repositories(edited(tmp_path, 'kind = "github"', f'kind = "{kind}"'), ENVIRON)
    assert isinstance(create_clients(found, ENVIRON)["github"], client)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('kind = "github"', 'kind = "svn"', "forges.github.kind"),
        ("https://api.github.com", "http://api.github.com", "https://"),
        ("https://api.github.com", "https://u:p@api.github.com", "no user"),
        ('token = "GITHUB_TOKEN"', "", "token"),
        ("GITHUB_TOKEN", "OTHER_TOKEN", "OTHER_TOKEN has no token"),
        ('"acme/support-bot"', '"../../etc"', "owner/name"),
        ('"acme/support-bot"', '"-x/y"', "owner/name"),
        ('branch = "main"', 'branch = "a..b"', "name of a branch"),
        ('branch = "main"', 'branch = "-main"', "name of a branch"),
        ('forge = "github"', 'forge = "none"', "there is no forge none"),
        ('path = "prompts/answer.txt"', 'path = ".github/workflows/x.yml"', "build"),
        ('path = "prompts/answer.txt"', 'path = "other/answer.txt"', "allowed_paths"),
        ('name = "triage"', 'name = "answer"', "two homes"),
        ('format = "text"', 'format = "python_constant"', "anchor"),
        ('format = "text"', 'format = "text"\npointer = "/a"', "pointer"),
        ('model = "prompt-only"', 'model = "mine"', "targets.0.model"),
        ('labels = ["ratchet"]', 'label = "x"', "label"),
        ("[[targets]]", "[[targets]", "not TOML"),
    ],
)  # fmt: skip
def test_faults_are_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(InvalidRepositories) as raised:
        load_repositories(edited(tmp_path, old, new), ENVIRON)
    assert fault in str(raised.value)
    assert "RATCHET_REPOSITORIES" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRepositories, match=r"none\.toml can't be read"):
        load_repositories(tmp_path / "none.toml", ENVIRON)
