"""Paths that a pull request may change: hostile names, files of git and of builds, patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.domain.repository_paths import matches_pattern, path_fault

ANY = ("**", "*")


@pytest.mark.parametrize(
    "path", ["prompts/answer.txt", "SKILL.md", "skills/rag-qa-agent/SKILL.md", "src/app/prompts.py", "프롬프트/답.txt"]
)
def test_ordinary_paths_are_allowed(path: str) -> None:
    assert path_fault(path, ["**"]) is None


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\\b", "C:/x", "a\nb", "a\x00b", "a\u202eb",
        "a\u200bb",         "x" * 500, "a /b", "a./b", " a", "cafe\u0301.txt",
        ".git/config", "sub/.git/hooks/x", ".GIT/config", "git~1/config", ".gitmodules", "x/.gitattributes",
        ".github/workflows/ci.yml", ".gitlab-ci.yml", ".GitLab-CI.yml", ".circleci/config.yml", "Jenkinsfile",
        "sub/Makefile", "Dockerfile", ".github/CODEOWNERS", "CODEOWNERS", ".pre-commit-config.yaml", ".husky/pre-push",
        "Makefile/x", ".gitlab/x.yml",
    ],
)  # fmt: skip
def test_hostile_paths_are_refused(path: str) -> None:
    assert path_fault(path, ANY) is not None


def test_only_allowed_paths_are_changed() -> None:
    assert path_fault("src/main.py", ["prompts/*"]) == "the path is not one of allowed_paths"
    assert path_fault("prompts/a.txt", []) is not None


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("prompts/*.txt", "prompts/a.txt", True),
        ("prompts/*.txt", "prompts/b/a.txt", False),
        ("skills/*/SKILL.md", "skills/x/SKILL.md", True),
        ("**/SKILL.md", "a/b/SKILL.md", True),
        ("**/SKILL.md", "SKILL.md", True),
        ("a/**", "a/b/c", True),
        ("a/**/z", "a/z", True),
        ("*", "a/b", False),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert matches_pattern(path, pattern) is matches


@pytest.mark.timeout(60)
def test_many_wildcards_take_no_time() -> None:
    assert not matches_pattern("/".join("a" * 100), "/".join(["**"] * 200) + "/b")


@given(st.text(max_size=40))
def test_no_allowed_path_leaves_the_repository(path: str) -> None:
    if path_fault(path, ["**"]) is None:
        assert not path.startswith("/")
        assert not {"..", ".", "", ".git"} & set(path.split("/"))
        assert path.isprintable()
