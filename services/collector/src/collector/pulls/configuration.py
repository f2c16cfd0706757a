"""The file of pulls (TOML): what is read from where, into which project."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from collector.domain.pulls.langfuse_scores import UserFeedbackKind
from collector.domain.pulls.pull_state import FlagSearch, PullIdentity
from collector.pulls.cloudwatch_options import CloudWatchPull
from collector.pulls.cloudwatch_session import MissingSession, check_session
from collector.pulls.pull_options import PullOptions, Section, Text
from ratchet_langfuse.config import LangfuseConfig, MissingConfig, load_config


class InvalidPulls(ValueError):
    """The file can't be used; the message names the file, the pull and the field."""


class LangfusePull(PullOptions):
    """A pull from Langfuse.

    `trace_name` and `tags` (all of them) select traces. `user_feedback` names the scores that users give, with their
    kinds. `write_scores`: regressions are written to Langfuse as scores. `credentials` is the prefix of the variables
    with address and keys.
    """

    trace_name: Text | None = None
    tags: tuple[Text, ...] = Field((), max_length=20, strict=False)
    requests_per_minute: float = Field(30.0, gt=0, le=10_000)
    user_feedback: Mapping[Text, UserFeedbackKind] = {"user-feedback": "thumb"}
    raw_folder: Path | None = Field(None, strict=False)
    write_scores: bool = False
    credentials: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")] = "LANGFUSE"

    @property
    def identity(self) -> PullIdentity:
        target = self.target or self.trace_name
        return PullIdentity(self.name, "langfuse", self.project, self.environment, target, self._flag_searches)

    @property
    def _flag_searches(self) -> tuple[FlagSearch, ...]:
        """Return the searches for flags. Labels have no number, so they cannot be searched for."""
        return self.flag_searches((kind, f"{kind}.{name}") for name, kind in self.user_feedback.items())

    def config(self, environ: Mapping[str, str] = os.environ) -> LangfuseConfig:
        """Return address and keys. Raises MissingConfig."""
        return load_config(environ, f"the pull {self.name}", self.credentials)


class PullFile(Section):
    """The whole file."""

    langfuse: tuple[LangfusePull, ...] = Field((), strict=False)
    cloudwatch: tuple[CloudWatchPull, ...] = Field((), strict=False)

    @model_validator(mode="after")
    def _check_names(self) -> "PullFile":
        names = [pull.name for pull in (*self.langfuse, *self.cloudwatch)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the name {twice[0]} is used twice")
        return self


def load_pulls(path: Path, environ: Mapping[str, str] = os.environ) -> PullFile:
    """Read and check the file, and the variables that it needs. Raises InvalidPulls."""
    try:
        found = PullFile.model_validate(tomllib.loads(path.read_text("utf-8")))
        for pull in found.langfuse:
            pull.config(environ)
        for logs in found.cloudwatch:
            check_session(logs)
    except OSError as error:
        raise InvalidPulls(f"RATCHET_PULLS: {path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidPulls(f"RATCHET_PULLS: {path} is not TOML: {error}") from None
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise InvalidPulls(f"RATCHET_PULLS: {path}: {where}: {fault['msg']}") from None
    except (MissingConfig, MissingSession) as error:
        raise InvalidPulls(f"RATCHET_PULLS: {path}: {error}") from None
    return found
