"""What the proposer needs of a forge. `tests.support.forges` has a fake with the same contract."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from proposer.domain.boundary_checks import DraftState
from proposer.domain.prompt_homes import PromptHome
from proposer.domain.pull_requests import FaultKind

StateOnForge = Literal["open", "merged", "closed"]


class ForgeError(Exception):
    """A request did not succeed. The message has neither tokens nor the forge's answer in full.

    `retry_after`: seconds after which the forge asks to try again.
    """

    def __init__(self, kind: FaultKind, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind: FaultKind = kind
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """A regular file at the commit `base_sha`, which was the branch's head when it was read."""

    base_sha: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ProposedCommit:
    """A commit on `branch`: one file of `base_sha` gets another content. `at` is the commit's time."""

    branch: str
    base_sha: str
    content: bytes
    title: str
    message: str
    body: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenedPullRequest:
    """A pull request that was opened, or was there already. A plain git remote has neither number nor page."""

    number: int | None
    url: str | None
    head_sha: str
    state: DraftState


@dataclass(frozen=True, slots=True)
class PullRequestStatus:
    """The state on the forge. `head_sha` is the branch's last commit; `by` who closed it, where the forge says so."""

    state: StateOnForge
    head_sha: str | None
    draft: DraftState
    by: str | None = None


class Forge(Protocol):
    """A forge. Every method raises ForgeError; those that read a file raise UnusableFile if it is not a regular one."""

    async def read_file(self, home: PromptHome) -> RepositoryFile:
        """Return the home's file at the head of its branch."""
        ...

    async def open(self, home: PromptHome, wanted: ProposedCommit) -> OpenedPullRequest:
        """Create branch, commit and draft pull request. Repeatable: what is there already is kept and returned."""
        ...

    async def get(self, home: PromptHome, opened: OpenedPullRequest, branch: str) -> PullRequestStatus:
        """Return the state of a pull request."""
        ...

    async def recommit_on_base(self, home: PromptHome, wanted: ProposedCommit, expected_head: str) -> str:
        """Put the change on another base, and return the new commit. The branch must still be at `expected_head`."""
        ...

    async def edit(self, home: PromptHome, opened: OpenedPullRequest, body: str) -> None:
        """Replace the description."""
        ...

    async def close(self, home: PromptHome, opened: OpenedPullRequest, branch: str, comment: str) -> None:
        """Close the pull request with a comment, and delete the branch if it is still at `opened.head_sha`."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
