"""Branches on a plain git remote over http(s): there are no pull requests there, so a person merges the branch."""

from datetime import UTC

from proposer.domain.boundary_checks import DraftState
from proposer.domain.json_strings import UnusableFile
from proposer.domain.prompt_homes import PromptHome
from proposer.domain.repository_paths import REGULAR_FILE
from proposer.forges.git_process import GitProcess, temporary_repository
from proposer.forges.port import ForgeError, OpenedPullRequest, ProposedCommit, PullRequestStatus, RepositoryFile

_NO_MERGE = DraftState(draft=True, auto_merge=False)
"""A branch without a pull request: nothing merges it by itself."""
_BASE, _HEAD = "refs/remotes/base", "refs/remotes/head"


class GitRemote:
    """Repositories below an http(s) address, such as https://git.example.org/."""

    def __init__(self, url: str, token: str | None, user: str = "ratchet") -> None:
        self._url = url.rstrip("/")
        self._user = user
        self._token = token

    async def read_file(self, home: PromptHome) -> RepositoryFile:
        async with temporary_repository(self._user, self._token) as git:
            base_sha = await self._fetch(git, home, home.branch, _BASE)
            if base_sha is None:
                raise ForgeError("refused", f"{home.repository} has no branch {home.branch}")
            return RepositoryFile(base_sha, await _read(git, home, base_sha))

    async def open(self, home: PromptHome, wanted: ProposedCommit) -> OpenedPullRequest:
        head = await self._push(home, wanted, "")
        return OpenedPullRequest(None, None, head, _NO_MERGE)

    async def get(self, home: PromptHome, opened: OpenedPullRequest, branch: str) -> PullRequestStatus:
        async with temporary_repository(self._user, self._token) as git:
            head = await self._fetch(git, home, branch, _HEAD)
            base = await self._fetch(git, home, home.branch, _BASE)
            if base is not None and await self._contains(git, home, opened.head_sha):
                return PullRequestStatus("merged", head, _NO_MERGE)
        return PullRequestStatus("closed" if head is None else "open", head, _NO_MERGE)

    async def recommit_on_base(self, home: PromptHome, wanted: ProposedCommit, expected_head: str) -> str:
        return await self._push(home, wanted, expected_head)

    async def edit(self, home: PromptHome, opened: OpenedPullRequest, body: str) -> None:
        """Do nothing: there is no description."""

    async def close(self, home: PromptHome, opened: OpenedPullRequest, branch: str, comment: str) -> None:
        async with temporary_repository(self._user, self._token) as git:
            if await self._fetch(git, home, branch, _HEAD) == opened.head_sha:
                lease = f"--force-with-lease=refs/heads/{branch}:{opened.head_sha}"
                await git.run("push", "--quiet", lease, "--", self._address(home), f":refs/heads/{branch}")

    async def aclose(self) -> None:
        """Do nothing: there are no lasting connections."""

    def _address(self, home: PromptHome) -> str:
        return f"{self._url}/{home.repository}"

    async def _fetch(self, git: GitProcess, home: PromptHome, branch: str, to: str) -> str | None:
        """Fetch the last commit of a branch with its files, and return its id; None if there is no such branch."""
        listed = await git.run("ls-remote", "--heads", "--", self._address(home), f"refs/heads/{branch}")
        if not listed.strip():
            return None
        await git.run(
            "fetch", "--quiet", "--no-tags", "--depth=1", "--", self._address(home), f"+refs/heads/{branch}:{to}"
        )
        return (await git.run("rev-parse", "--verify", to)).decode().strip()

    async def _contains(self, git: GitProcess, home: PromptHome, commit: str) -> bool:
        """Return whether a commit is in the history of the base branch: its last 1,000 commits without files."""
        spec = f"+refs/heads/{home.branch}:{_BASE}"
        await git.run(
            "fetch", "--quiet", "--no-tags", "--depth=1000", "--filter=tree:0", "--", self._address(home), spec
        )
        return commit in (await git.run("rev-list", _BASE)).decode().split()

    async def _push(self, home: PromptHome, wanted: ProposedCommit, expected: str) -> str:
        """Push the commit; the remote branch must be at `expected` (empty: must not exist), or have this commit."""
        async with temporary_repository(self._user, self._token) as git:
            if await self._fetch(git, home, home.branch, _BASE) != wanted.base_sha:
                raise ForgeError("unavailable", f"{home.branch} moved meanwhile")
            commit = await _write(git, home, wanted)
            head = await self._fetch(git, home, wanted.branch, _HEAD)
            if head == commit:
                return commit
            if head and not expected and await _message(git, head) == wanted.message.strip():
                expected = head  # an earlier commit of this proposal
            lease = f"--force-with-lease=refs/heads/{wanted.branch}:{expected}"
            try:
                spec = f"{commit}:refs/heads/{wanted.branch}"
                await git.run("push", "--quiet", lease, "--", self._address(home), spec)
            except ForgeError as error:
                if "stale info" in str(error) or "rejected" in str(error):
                    raise ForgeError("invalid", "somebody else has changed the branch") from error
                raise
            return commit


async def _message(git: GitProcess, commit: str) -> str:
    return (await git.run("log", "-1", "--format=%B", commit)).decode("utf-8", "replace").strip()


async def _read(git: GitProcess, home: PromptHome, commit: str) -> bytes:
    parts = home.path.split("/")
    for depth in range(1, len(parts) + 1):
        path = "/".join(parts[:depth])
        entry = (await git.run("ls-tree", "-z", "--full-tree", commit, "--", path)).decode("utf-8", "replace")
        wanted = REGULAR_FILE if depth == len(parts) else "040000"
        mode = entry.split(" ", 1)[0]
        if not entry:
            raise UnusableFile(f"{home.path} is not in {home.repository}")
        if mode != wanted:
            raise UnusableFile(f"{path} has the mode {mode}, not {wanted}")
    return await git.run("cat-file", "blob", f"{commit}:{home.path}")


async def _write(git: GitProcess, home: PromptHome, wanted: ProposedCommit) -> str:
    """Create the commit without a work tree. Author and time are fixed, so a repeat creates the same one."""
    blob = (await git.run("hash-object", "-w", "--stdin", stdin=wanted.content)).decode().strip()
    await git.run("read-tree", wanted.base_sha)
    await git.run("update-index", "--cacheinfo", f"{REGULAR_FILE},{blob},{home.path}")
    tree = (await git.run("write-tree")).decode().strip()
    at = f"{int(wanted.at.astimezone(UTC).timestamp())} +0000"
    person = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
              for what, value in (("NAME", "Ratchet"), ("EMAIL", "ratchet@localhost"), ("DATE", at))}  # fmt: skip
    message = wanted.message.encode()
    made = await git.run("commit-tree", tree, "-p", wanted.base_sha, "-F", "-", stdin=message, extra=person)
    return made.decode().strip()
