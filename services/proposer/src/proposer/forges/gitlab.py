"""Draft merge requests on GitLab by its REST API, version 4.

A project access token needs the scope `api` and the role Developer, and a protected base branch to which no Developer
may merge or push. No route of this client merges.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from proposer.domain.boundary_checks import DraftState
from proposer.domain.json_strings import UnusableFile
from proposer.domain.prompt_homes import PromptHome
from proposer.domain.repository_paths import REGULAR_FILE
from proposer.forges.port import (
    ForgeError,
    OpenedPullRequest,
    ProposedCommit,
    PullRequestStatus,
    RepositoryFile,
    StateOnForge,
)
from proposer.forges.rest_client import RestClient

DRAFT = "Draft: "
"""What makes a merge request a draft, at the begin of its title."""
_STATES: Mapping[str, StateOnForge] = {"merged": "merged", "closed": "closed"}
_PER_PAGE = 100
_MAX_PAGES = 20


class GitLab:
    """A GitLab, by its address, such as https://gitlab.com."""

    def __init__(self, url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = RestClient(f"{url.rstrip('/')}/api/v4", {"private-token": token}, transport)

    async def read_file(self, home: PromptHome) -> RepositoryFile:
        branch = await self._branch(home, home.branch)
        if branch is None:
            raise ForgeError("refused", f"{home.repository} has no branch {home.branch}, or the token can't see it")
        base_sha = str(branch["commit"]["id"])
        await self._check_modes(home, base_sha)
        return RepositoryFile(base_sha, await self._content(home, base_sha))

    async def open(self, home: PromptHome, wanted: ProposedCommit) -> OpenedPullRequest:
        head_sha = await self._create_commit(home, wanted)
        found = await self._find(home, wanted.branch)
        if found is None:
            body = {
                "source_branch": wanted.branch, "target_branch": home.branch, "title": f"{DRAFT}{wanted.title}",
                "description": wanted.body, "labels": ",".join(home.labels), "remove_source_branch": True,
            }  # fmt: skip
            try:
                found = await self._client.request("POST", _route(home, "merge_requests"), body)
            except ForgeError as error:
                found = await self._find(home, wanted.branch) if error.kind == "invalid" else None
                if found is None:
                    raise
        return OpenedPullRequest(int(found["iid"]), str(found["web_url"]), head_sha, _draft(found))

    async def get(self, home: PromptHome, opened: OpenedPullRequest, branch: str) -> PullRequestStatus:
        found = await self._client.request("GET", _route(home, f"merge_requests/{opened.number}"))
        state = _STATES.get(found["state"], "open")
        by = found.get("closed_by") or found.get("merge_user") or {}
        return PullRequestStatus(state, found.get("sha"), _draft(found), by.get("username"))

    async def recommit_on_base(self, home: PromptHome, wanted: ProposedCommit, expected_head: str) -> str:
        branch = await self._branch(home, wanted.branch)
        head = str(branch["commit"]["id"]) if branch else None
        if head is not None and await self._is_written(home, head, wanted):
            return head
        if head != expected_head:
            raise ForgeError("invalid", "somebody else has changed the branch")
        return await self._commit(home, wanted, force=True)

    async def edit(self, home: PromptHome, opened: OpenedPullRequest, body: str) -> None:
        route = _route(home, f"merge_requests/{opened.number}")
        await self._client.request("PUT", route, {"description": body})

    async def close(self, home: PromptHome, opened: OpenedPullRequest, branch: str, comment: str) -> None:
        route = _route(home, f"merge_requests/{opened.number}")
        await self._client.request("POST", f"{route}/notes", {"body": comment})
        await self._client.request("PUT", route, {"state_event": "close"})
        found = await self._branch(home, branch)
        if found is not None and found["commit"]["id"] == opened.head_sha:
            await self._client.request("DELETE", _route(home, f"repository/branches/{quote(branch, safe='')}"))

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _branch(self, home: PromptHome, branch: str) -> dict[str, Any] | None:
        return await self._client.find(_route(home, f"repository/branches/{quote(branch, safe='')}"))

    async def _content(self, home: PromptHome, commit: str) -> bytes:
        route = _route(home, f"repository/files/{quote(home.path, safe='')}")
        found = await self._client.request("GET", route, ref=commit)
        try:
            return base64.b64decode(found["content"])
        except (KeyError, TypeError, binascii.Error) as error:
            raise ForgeError("unavailable", "the content of the file can't be read") from error

    async def _check_modes(self, home: PromptHome, commit: str) -> None:
        """Check each part of the path: folders are folders, and the file is a regular one. Raises UnusableFile."""
        parts = home.path.split("/")
        for depth, part in enumerate(parts):
            mode = await self._mode(home, commit, "/".join(parts[:depth]), part)
            wanted = "040000" if depth < len(parts) - 1 else REGULAR_FILE
            if mode is None:
                raise UnusableFile(f"{home.path} is not in {home.repository}")
            if mode != wanted:
                raise UnusableFile(f"{'/'.join(parts[: depth + 1])} has the mode {mode}, not {wanted}")

    async def _mode(self, home: PromptHome, commit: str, folder: str, name: str) -> str | None:
        for page in range(1, _MAX_PAGES + 1):
            listed = await self._client.request(
                "GET", _route(home, "repository/tree"), path=folder, ref=commit, per_page=_PER_PAGE, page=page
            )
            for entry in listed:
                if entry.get("name") == name:
                    return str(entry["mode"])
            if len(listed) < _PER_PAGE:
                return None
        raise UnusableFile(f"the folder {folder} has more than {_PER_PAGE * _MAX_PAGES:,} entries")

    async def _create_commit(self, home: PromptHome, wanted: ProposedCommit) -> str:
        try:
            return await self._commit(home, wanted, force=False)
        except ForgeError as error:
            branch = await self._branch(home, wanted.branch) if error.kind == "invalid" else None
            head = str(branch["commit"]["id"]) if branch else None
            if head is None:
                raise
            if await self._is_written(home, head, wanted):
                return head
            if not await self._is_ours(home, head, wanted):
                raise
            return await self._commit(home, wanted, force=True)

    async def _is_ours(self, home: PromptHome, commit: str, wanted: ProposedCommit) -> bool:
        found = await self._client.request("GET", _route(home, f"repository/commits/{commit}"))
        return bool(found["message"].strip() == wanted.message.strip())

    async def _commit(self, home: PromptHome, wanted: ProposedCommit, *, force: bool) -> str:
        action = {
            "action": "update", "file_path": home.path, "encoding": "base64",
            "content": base64.b64encode(wanted.content).decode(),
        }  # fmt: skip
        body = {
            "branch": wanted.branch, "start_sha": wanted.base_sha, "commit_message": wanted.message,
            "actions": [action], "author_name": "Ratchet", "author_email": "ratchet@localhost", "force": force,
        }  # fmt: skip
        return str((await self._client.request("POST", _route(home, "repository/commits"), body))["id"])

    async def _is_written(self, home: PromptHome, commit: str, wanted: ProposedCommit) -> bool:
        """Return whether a commit is the one of `wanted`: GitLab sets its time, so a repeat would be another one."""
        found = await self._client.request("GET", _route(home, f"repository/commits/{commit}"))
        is_based = found.get("parent_ids") == [wanted.base_sha]
        return is_based and await self._content(home, commit) == wanted.content

    async def _find(self, home: PromptHome, branch: str) -> dict[str, Any] | None:
        found = await self._client.request(
            "GET", _route(home, "merge_requests"), source_branch=branch, state="all", per_page=1
        )
        return found[0] if found else None


def _route(home: PromptHome, path: str) -> str:
    return f"/projects/{quote(home.repository, safe='')}/{path}"


def _draft(found: Mapping[str, Any]) -> DraftState:
    return DraftState(found.get("draft") is True, found.get("merge_when_pipeline_succeeds") is True)
