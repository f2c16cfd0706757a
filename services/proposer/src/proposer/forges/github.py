"""Draft pull requests on GitHub by its REST API, version 2022-11-28.

A fine-grained token needs, for the listed repositories only: Contents (read and write), Pull requests (read and write),
Metadata (read). GitHub has no permission "branches but not merges": protect the base branch, as docs/pull-requests.md
says. No route of this client merges.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC
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

AUTHOR = {"name": "Ratchet", "email": "ratchet@localhost"}


class GitHub:
    """A GitHub, by the address of its API, such as https://api.github.com."""

    def __init__(self, url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        headers = {
            "authorization": f"Bearer {token}", "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
        }  # fmt: skip
        self._client = RestClient(url, headers, transport)

    async def read_file(self, home: PromptHome) -> RepositoryFile:
        base_sha = await self._head(home, home.branch)
        if base_sha is None:
            raise ForgeError("refused", f"{home.repository} has no branch {home.branch}, or the token can't see it")
        entry = await self._entry(home, base_sha)
        blob = await self._get(home, f"git/blobs/{entry['sha']}")
        try:
            return RepositoryFile(base_sha, base64.b64decode(blob["content"]))
        except (KeyError, TypeError, binascii.Error) as error:
            raise ForgeError("unavailable", "the content of the file can't be read") from error

    async def open(self, home: PromptHome, wanted: ProposedCommit) -> OpenedPullRequest:
        head_sha = await self._create_branch(home, wanted, await self._commit(home, wanted))
        found = await self._find(home, wanted.branch)
        if found is None:
            body = {
                "title": wanted.title, "head": wanted.branch, "base": home.branch, "body": wanted.body, "draft": True,
                "maintainer_can_modify": False,
            }  # fmt: skip
            try:
                found = await self._client.request("POST", _route(home, "pulls"), body)
            except ForgeError as error:
                # another instance, or this one before it died, may have opened it
                found = await self._find(home, wanted.branch) if error.kind == "invalid" else None
                if found is None:
                    raise
        if home.labels:
            route = _route(home, f"issues/{int(found['number'])}/labels")
            await self._client.request("POST", route, {"labels": list(home.labels)})
        return OpenedPullRequest(int(found["number"]), str(found["html_url"]), head_sha, _draft(found))

    async def get(self, home: PromptHome, opened: OpenedPullRequest, branch: str) -> PullRequestStatus:
        found = await self._get(home, f"pulls/{opened.number}")
        state: StateOnForge = "closed" if found["state"] == "closed" else "open"
        if found.get("merged_at"):
            state = "merged"
        by = found.get("merged_by") or {}
        return PullRequestStatus(state, str(found["head"]["sha"]), _draft(found), by.get("login"))

    async def recommit_on_base(self, home: PromptHome, wanted: ProposedCommit, expected_head: str) -> str:
        head = await self._head(home, wanted.branch)
        commit = await self._commit(home, wanted)
        if head == commit:
            return commit
        if head != expected_head:
            raise ForgeError("invalid", "somebody else has changed the branch")
        await self._move(home, wanted.branch, commit)
        return commit

    async def edit(self, home: PromptHome, opened: OpenedPullRequest, body: str) -> None:
        await self._client.request("PATCH", _route(home, f"pulls/{opened.number}"), {"body": body})

    async def close(self, home: PromptHome, opened: OpenedPullRequest, branch: str, comment: str) -> None:
        await self._client.request("POST", _route(home, f"issues/{opened.number}/comments"), {"body": comment})
        await self._client.request("PATCH", _route(home, f"pulls/{opened.number}"), {"state": "closed"})
        if await self._head(home, branch) == opened.head_sha:
            await self._client.request("DELETE", _route(home, f"git/refs/heads/{quote(branch)}"))

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _get(self, home: PromptHome, path: str) -> dict[str, Any]:
        found = await self._client.request("GET", _route(home, path))
        if not isinstance(found, dict):
            raise ForgeError("unavailable", f"GET {path}: the answer is not an object")
        return found

    async def _head(self, home: PromptHome, branch: str) -> str | None:
        found = await self._client.find(_route(home, f"git/ref/heads/{quote(branch)}"))
        return str(found["object"]["sha"]) if found else None

    async def _entry(self, home: PromptHome, commit: str) -> Mapping[str, Any]:
        """Return the tree's entry of the home's file, walking from the root: no folder may be a link or submodule."""
        sha = str((await self._get(home, f"git/commits/{commit}"))["tree"]["sha"])
        *folders, _ = parts = home.path.split("/")
        entry: Mapping[str, Any] = {}
        for depth, part in enumerate(parts):
            listed = (await self._get(home, f"git/trees/{sha}"))["tree"]
            entry = next((e for e in listed if e.get("path") == part), {})
            if not entry:
                raise UnusableFile(f"{home.path} is not in {home.repository}")
            wanted = "040000" if depth < len(folders) else REGULAR_FILE
            if entry.get("mode") != wanted:
                raise UnusableFile(f"{'/'.join(parts[: depth + 1])} has the mode {entry.get('mode')}, not {wanted}")
            sha = str(entry["sha"])
        return entry

    async def _commit(self, home: PromptHome, wanted: ProposedCommit) -> str:
        """Create the commit. Author and time are fixed, so a repeat creates the same one."""
        encoded = base64.b64encode(wanted.content).decode()
        blob = await self._client.request("POST", _route(home, "git/blobs"), {"content": encoded, "encoding": "base64"})
        base = await self._get(home, f"git/commits/{wanted.base_sha}")
        entry = {"path": home.path, "mode": REGULAR_FILE, "type": "blob", "sha": blob["sha"]}
        tree = await self._client.request(
            "POST", _route(home, "git/trees"), {"base_tree": base["tree"]["sha"], "tree": [entry]}
        )
        person = {**AUTHOR, "date": wanted.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        body = {
            "message": wanted.message, "tree": tree["sha"], "parents": [wanted.base_sha], "author": person,
            "committer": person,
        }  # fmt: skip
        return str((await self._client.request("POST", _route(home, "git/commits"), body))["sha"])

    async def _create_branch(self, home: PromptHome, wanted: ProposedCommit, commit: str) -> str:
        """Create the branch. If it is there with an earlier commit of this proposal, it gets this one."""
        body = {"ref": f"refs/heads/{wanted.branch}", "sha": commit}
        try:
            await self._client.request("POST", _route(home, "git/refs"), body)
        except ForgeError as error:
            head = await self._head(home, wanted.branch) if error.kind == "invalid" else None
            if head is None or (head != commit and not await self._is_ours(home, head, wanted)):
                raise
            if head != commit:
                await self._move(home, wanted.branch, commit)
        return commit

    async def _is_ours(self, home: PromptHome, commit: str, wanted: ProposedCommit) -> bool:
        return bool((await self._get(home, f"git/commits/{commit}"))["message"].strip() == wanted.message.strip())

    async def _move(self, home: PromptHome, branch: str, commit: str) -> None:
        route = _route(home, f"git/refs/heads/{quote(branch)}")
        await self._client.request("PATCH", route, {"sha": commit, "force": True})

    async def _find(self, home: PromptHome, branch: str) -> dict[str, Any] | None:
        owner = home.repository.split("/")[0]
        found = await self._client.request(
            "GET", _route(home, "pulls"), head=f"{owner}:{branch}", state="all", per_page=1
        )
        return found[0] if found else None


def _route(home: PromptHome, path: str) -> str:
    return f"/repos/{home.repository}/{path}"


def _draft(found: Mapping[str, Any]) -> DraftState:
    return DraftState(found.get("draft") is True, found.get("auto_merge") is not None)
