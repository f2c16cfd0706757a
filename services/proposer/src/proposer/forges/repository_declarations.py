"""The file of repositories (TOML): forges, where prompts have their home, and what is declared about targets."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from proposer.domain.model import PromptKey
from proposer.domain.prompt_homes import DeclaredTarget, FileFormat, ForgeKind, Hosting, PromptHome
from proposer.domain.repository_paths import path_fault

Text = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Label = Annotated[str, Field(max_length=50, pattern=r"^[\w .:/-]+$")]
"""The length is not part of the pattern, which would take 5 MB: all letters, once for each character."""
_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,8}")
_BRANCH = re.compile(r"(?!.*(\.\.|@\{|//|\.lock(/|$)|/\.|\.$|/$))[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
_LOCAL = ("127.0.0.1", "::1", "localhost")


class InvalidRepositories(ValueError):
    """The file can't be used; the message names the file and the field."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ForgeSection(_Section):
    """A forge. `token` names the environment variable that has its token."""

    kind: ForgeKind
    url: str
    token: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")] | None = None
    user: Text = "ratchet"

    @field_validator("url")
    @classmethod
    def _https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must have no user, password, query or fragment")
        if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL):
            return value
        raise ValueError("must start with https:// (http:// only on this machine)")

    @model_validator(mode="after")
    def _has_token(self) -> "ForgeSection":
        if self.kind != "git" and self.token is None:
            raise ValueError("token: name the environment variable with the token")
        return self

    def secret(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """Return the token. Raises InvalidRepositories if the variable is not set."""
        if self.token is None:
            return None
        value = environ.get(self.token, "").strip()
        if not value or not value.isascii() or not value.isprintable():
            raise InvalidRepositories(f"the environment variable {self.token} has no token")
        return value


class PromptSection(_Section):
    """A prompt whose text is in a file of the repository."""

    project: Text
    environment: Text
    name: Text
    path: Text
    format: FileFormat = "text"
    anchor: Text | None = None
    pointer: Annotated[str, Field(max_length=256, pattern=r"^(/[^\x00-\x1f\x7f]*)*$")] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "PromptSection":
        if (self.format == "python_constant") != (self.anchor is not None):
            raise ValueError("anchor: the comment above the constant; for python_constant, and only for it")
        if self.pointer is not None and self.format != "json":
            raise ValueError("pointer: only for json")
        return self


class RepositorySection(_Section):
    """A repository: the only files that are changed there are those that `allowed_paths` matches."""

    forge: Text
    repository: str
    branch: str = "main"
    allowed_paths: Annotated[tuple[Text, ...], Field(min_length=1, max_length=50)]
    labels: Annotated[tuple[Label, ...], Field(max_length=10)] = ("ratchet",)
    prompts: Annotated[tuple[PromptSection, ...], Field(min_length=1)]

    @field_validator("repository")
    @classmethod
    def _repository(cls, value: str) -> str:
        if not _REPOSITORY.fullmatch(value) or ".." in value:
            raise ValueError("must be like owner/name")
        return value

    @field_validator("branch")
    @classmethod
    def _branch(cls, value: str) -> str:
        if not _BRANCH.fullmatch(value):
            raise ValueError("must be the name of a branch")
        return value

    @model_validator(mode="after")
    def _paths(self) -> "RepositorySection":
        for prompt in self.prompts:
            if fault := path_fault(prompt.path, self.allowed_paths):
                raise ValueError(f"{prompt.name}: {fault}")
        return self


class TargetSection(_Section):
    """What is declared about a target: who runs its model."""

    project: Text
    environment: Text
    target: Text
    model: Hosting


class RepositoryFileSections(_Section):
    """The whole file."""

    forges: Mapping[str, ForgeSection] = {}
    repositories: tuple[RepositorySection, ...] = ()
    targets: tuple[TargetSection, ...] = ()

    @model_validator(mode="after")
    def _refer(self) -> "RepositoryFileSections":
        for each in self.repositories:
            if each.forge not in self.forges:
                raise ValueError(f"{each.repository}: there is no forge {each.forge}")
        keys = [(p.project, p.environment, p.name) for each in self.repositories for p in each.prompts]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"the prompt {twice[0][2]} has two homes")
        return self

    def homes(self) -> dict[PromptKey, PromptHome]:
        """Return the home of each prompt."""
        found = [
            PromptHome(
                PromptKey(p.project, p.environment, p.name), each.forge, each.repository, each.branch, p.path, p.format,
                each.allowed_paths, each.labels, p.anchor, p.pointer,
            )
            for each in self.repositories
            for p in each.prompts
        ]  # fmt: skip
        return {home.key: home for home in found}

    def declared(self) -> dict[tuple[str, str, str], DeclaredTarget]:
        """Return what is declared about targets, by project, environment and target."""
        return {
            (t.project, t.environment, t.target): DeclaredTarget(t.project, t.environment, t.target, t.model)
            for t in self.targets
        }


NO_REPOSITORIES = RepositoryFileSections()
SETTING: Literal["RATCHET_REPOSITORIES"] = "RATCHET_REPOSITORIES"


def load_repositories(path: Path | None, environ: Mapping[str, str] = os.environ) -> RepositoryFileSections:
    """Read and check the file, and the variables that it needs; without a path: nothing. Raises InvalidRepositories."""
    if path is None:
        return NO_REPOSITORIES
    try:
        found = RepositoryFileSections.model_validate(tomllib.loads(path.read_text("utf-8")))
        for forge in found.forges.values():
            forge.secret(environ)
    except OSError as error:
        raise InvalidRepositories(f"{SETTING}: {path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRepositories(f"{SETTING}: {path} is not TOML: {error}") from None
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise InvalidRepositories(f"{SETTING}: {path}: {where}: {fault['msg']}") from None
    except InvalidRepositories as error:
        raise InvalidRepositories(f"{SETTING}: {path}: {error}") from None
    return found
