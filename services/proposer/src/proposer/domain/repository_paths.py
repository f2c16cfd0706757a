"""Which paths of a repository a pull request may change."""

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase

MAX_PATH = 400
"""Bytes of a path."""
REGULAR_FILE = "100644"
"""The only mode that is changed: no executables (100755), symlinks (120000) or submodules (160000)."""

_CI_FOLDERS = frozenset(
    {".buildkite", ".circleci", ".drone", ".forgejo", ".gitea", ".github", ".gitlab", ".husky", ".teamcity",
     ".tekton", ".woodpecker"}
)  # fmt: skip
_CI_FILES = re.compile(
    r"\.gitlab-ci\.ya?ml|\.travis\.yml|\.drone\.ya?ml|\.woodpecker\.ya?ml|\.cirrus\.ya?ml|appveyor\.yml|"
    r"azure-pipelines\.ya?ml|bitbucket-pipelines\.yml|buildspec\.ya?ml|cloudbuild\.ya?ml|jenkinsfile|"
    r"\.pre-commit-config\.yaml|codeowners|dependabot\.ya?ml|renovate\.json5?|makefile|dockerfile"
)
_GIT_FILES = re.compile(r"\.git|\.git(modules|attributes|ignore)|git~\d+|\.git[ .]+")


def path_fault(path: str, allowed: Iterable[str]) -> str | None:
    """Return why a file must not be changed by a pull request; None if it may.

    `allowed` are patterns such as `prompts/*.txt`, in which `*` matches no slash and `**` any folders.
    """
    if not path or len(path.encode("utf-8", "surrogatepass")) > MAX_PATH:
        return f"the path must have 1 to {MAX_PATH} bytes"
    if unicodedata.normalize("NFC", path) != path or not path.isprintable() or set(path) & set('\\:*?"<>|'):
        return 'the path must be printable, in NFC, and without the characters \\ : * ? " < > |'
    parts = path.split("/")
    if any(part in ("", ".", "..") or part != part.strip() or part.endswith(".") for part in parts):
        return "the path must be relative, without empty parts, . and .., or blanks and dots at the end of a part"
    folded = [part.casefold() for part in parts]
    if any(_GIT_FILES.fullmatch(part) for part in folded):
        return "files of git itself are never changed"
    if any(part in _CI_FOLDERS for part in folded[:-1]) or any(_CI_FILES.fullmatch(part) for part in folded):
        return "files that a build or an automation runs are never changed"
    if not any(matches_pattern(path, pattern) for pattern in allowed):
        return "the path is not one of allowed_paths"
    return None


def matches_pattern(path: str, pattern: str) -> bool:
    """Return whether a pattern matches the whole path; `*` matches no slash, a part `**` any number of folders."""
    return _matches(path.split("/"), pattern.split("/"))


def _matches(parts: list[str], patterns: list[str]) -> bool:
    """Compare part by part, by dynamic programming: linear in the product, whatever the pattern."""
    reached = {0}
    for pattern in patterns:
        if pattern == "**":
            reached = set(range(min(reached), len(parts) + 1)) if reached else set()
        else:
            reached = {i + 1 for i in reached if i < len(parts) and fnmatchcase(parts[i], pattern)}
    return len(parts) in reached
