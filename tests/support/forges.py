"""A fake GitHub and a fake GitLab over one repository in memory. Requests come as `httpx.Request`, or over HTTP."""

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import httpx

Answer = tuple[int, Any]
Route = tuple[str, str]
Described = Callable[[str, str, int, Any], Any]
"""Completes an answer by the published description: method, path, status, answer."""


@dataclass(frozen=True)
class FakeCommit:
    files: dict[str, tuple[str, bytes]]
    parent: str | None
    message: str

    @property
    def sha(self) -> str:
        files = sorted((path, mode, content.hex()) for path, (mode, content) in self.files.items())
        return hashlib.sha1(repr((files, self.parent, self.message)).encode(), usedforsecurity=False).hexdigest()


@dataclass
class FakeRepository:
    """Commits, branches and pull requests of `acme/app`."""

    commits: dict[str, FakeCommit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[str, Any] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)

    def commit(self, branch: str, path: str, content: bytes | str, mode: str = "100644", message: str = "edit") -> str:
        """Commit one file to a branch, as somebody else would."""
        data = content.encode() if isinstance(content, str) else content
        parent = self.branches.get(branch)
        files = {**(self.commits[parent].files if parent else {}), path: (mode, data)}
        return self.add(branch, FakeCommit(files, parent, message))

    def add(self, branch: str, commit: FakeCommit) -> str:
        self.commits[commit.sha] = commit
        self.branches[branch] = commit.sha
        return commit.sha

    def content(self, branch: str, path: str) -> str:
        return self.commits[self.branches[branch]].files[path][1].decode()

    def merge(self, number: int, by: str = "ada") -> None:
        """Merge a pull request, as a person does."""
        pull = self.pulls[number - 1]
        self.branches[pull["base"]] = self.branches[pull["head"]]
        pull |= {"state": "merged", "by": by}

    def listed(self, sha: str, folder: str) -> list[tuple[str, str]]:
        """Return mode and name of what is in a folder of a commit."""
        prefix = f"{folder}/" if folder else ""
        found: dict[str, str] = {}
        for path, (mode, _) in self.commits[sha].files.items():
            if path.startswith(prefix):
                name, _, rest = path[len(prefix) :].partition("/")
                found[name] = "040000" if rest else mode
        return [(mode, name) for name, mode in found.items()]

    def open_pull(self, head: str, base: str, title: str, body: str, draft: bool) -> dict[str, Any] | None:
        if any(p["head"] == head and p["state"] == "open" for p in self.pulls):
            return None
        pull = {
            "number": len(self.pulls) + 1, "head": head, "base": base, "title": title, "body": body, "draft": draft,
            "state": "open", "labels": [], "auto_merge": None, "by": None,
        }  # fmt: skip
        self.pulls.append(pull)
        return pull


class FakeForge:
    """Requests are answered by `routes`; `faults` answer the first requests that match them instead."""

    routes: tuple[tuple[str, str, str], ...] = ()

    def __init__(self, repository: FakeRepository | None = None, described: Described | None = None) -> None:
        self.repository = repository or FakeRepository()
        self.described = described
        self.faults: list[tuple[str, str, Answer | Exception, dict[str, str]]] = []
        self.requests: list[tuple[str, str, Any]] = []

    def fail(self, method: str, pattern: str, answer: Answer | Exception, **headers: str) -> None:
        """Answer the next request that matches with `answer`, or raise it."""
        self.faults.append((method, pattern, answer, {k.replace("_", "-"): v for k, v in headers.items()}))

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        path = request.url.raw_path.decode().split("?")[0]
        body = json.loads(request.content) if request.content else None
        self.requests.append((request.method, path, body))
        for fault in self.faults:
            method, pattern, answer, headers = fault
            if method == request.method and re.search(pattern, path):
                self.faults.remove(fault)
                if isinstance(answer, Exception):
                    raise answer
                return httpx.Response(answer[0], json=answer[1], headers=headers)
        for method, pattern, name in self.routes:
            if method == request.method and (match := re.fullmatch(pattern, path)):
                parts = [unquote(part) for part in match.groups()]
                status, found = getattr(self, name)(*parts, body=body, params=dict(request.url.params))
                if self.described is not None and status < 400 and status != 204:
                    found = self.described(request.method, path, status, found)
                return httpx.Response(status) if status == 204 else httpx.Response(status, json=found)
        return httpx.Response(404, json={"message": "Not Found"})

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        """Serve the forge on this machine, and yield its address."""
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length", 0)))
                response = forge.handle(httpx.Request(self.command, f"http://forge{self.path}", content=content))
                self.send_response(response.status_code)
                self.send_header("content-type", "application/json; charset=utf-8")
                self.send_header("content-length", str(len(response.content)))
                self.end_headers()
                self.wfile.write(response.content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class FakeGitHub(FakeForge):
    """The routes of GitHub's REST API that draft pull requests need."""

    _R = "/repos/acme/app"
    routes = (
        ("GET", rf"{_R}/git/ref/heads/(.+)", "get_ref"),
        ("GET", rf"{_R}/git/commits/(\w+)", "get_commit"),
        ("GET", rf"{_R}/git/trees/(\w+)", "get_tree"),
        ("GET", rf"{_R}/git/blobs/(\w+)", "get_blob"),
        ("POST", rf"{_R}/git/blobs", "create_blob"),
        ("POST", rf"{_R}/git/trees", "create_tree"),
        ("POST", rf"{_R}/git/commits", "create_commit"),
        ("POST", rf"{_R}/git/refs", "create_ref"),
        ("PATCH", rf"{_R}/git/refs/heads/(.+)", "update_ref"),
        ("DELETE", rf"{_R}/git/refs/heads/(.+)", "delete_ref"),
        ("GET", rf"{_R}/pulls", "list_pulls"),
        ("POST", rf"{_R}/pulls", "create_pull"),
        ("GET", rf"{_R}/pulls/(\d+)", "get_pull"),
        ("PATCH", rf"{_R}/pulls/(\d+)", "update_pull"),
        ("POST", rf"{_R}/issues/(\d+)/labels", "add_labels"),
        ("POST", rf"{_R}/issues/(\d+)/comments", "add_comment"),
    )

    def get_ref(self, branch: str, **_: Any) -> Answer:
        sha = self.repository.branches.get(branch)
        return (200, _ref(branch, sha)) if sha else (404, {"message": "Not Found"})

    def get_commit(self, sha: str, **_: Any) -> Answer:
        commit = self.repository.commits[sha]
        return 200, {"sha": sha, "tree": {"sha": self._tree(sha, "")}, "message": commit.message}

    def get_tree(self, sha: str, **_: Any) -> Answer:
        commit, folder = self.repository.objects[sha]
        base = f"{folder}/" if folder else ""
        return 200, {
            "sha": sha, "truncated": False,
            "tree": [
                {"path": name, "mode": mode, "type": "tree" if mode == "040000" else "blob",
                 "sha": self._tree(commit, base + name) if mode == "040000" else self._blob(commit, base + name)}
                for mode, name in self.repository.listed(commit, folder)
            ],
        }  # fmt: skip

    def get_blob(self, sha: str, **_: Any) -> Answer:
        content = base64.encodebytes(self.repository.objects[sha]).decode()
        return 200, {"sha": sha, "content": content, "encoding": "base64"}

    def create_blob(self, body: Any, **_: Any) -> Answer:
        content = base64.b64decode(body["content"])
        return 201, {"sha": self._store(content), "url": "https://api.github.com/blob"}

    def create_tree(self, body: Any, **_: Any) -> Answer:
        commit, _folder = self.repository.objects[body["base_tree"]]
        files = dict(self.repository.commits[commit].files)
        for entry in body["tree"]:
            files[entry["path"]] = (entry["mode"], self.repository.objects[entry["sha"]])
        return 201, {"sha": self._store(files), "tree": []}

    def create_commit(self, body: Any, **_: Any) -> Answer:
        files = self.repository.objects[body["tree"]]
        commit = FakeCommit(files, body["parents"][0], f"{body['message']}")
        self.repository.commits[commit.sha] = commit
        return 201, {"sha": commit.sha, "message": commit.message}

    def create_ref(self, body: Any, **_: Any) -> Answer:
        branch = body["ref"].removeprefix("refs/heads/")
        if branch in self.repository.branches:
            return 422, {"message": "Reference already exists"}
        self.repository.branches[branch] = body["sha"]
        return 201, _ref(branch, body["sha"])

    def update_ref(self, branch: str, body: Any, **_: Any) -> Answer:
        self.repository.branches[branch] = body["sha"]
        return 200, _ref(branch, body["sha"])

    def delete_ref(self, branch: str, **_: Any) -> Answer:
        del self.repository.branches[branch]
        return 204, None

    def list_pulls(self, params: dict[str, str], **_: Any) -> Answer:
        head = params["head"].partition(":")[2]
        return 200, [self._pull(p) for p in self.repository.pulls if p["head"] == head]

    def create_pull(self, body: Any, **_: Any) -> Answer:
        found = self.repository.open_pull(body["head"], body["base"], body["title"], body["body"], body["draft"])
        message = f"A pull request already exists for acme:{body['head']}."
        return (201, self._pull(found)) if found else (422, {"message": message})

    def get_pull(self, number: str, **_: Any) -> Answer:
        return 200, self._pull(self.repository.pulls[int(number) - 1])

    def update_pull(self, number: str, body: Any, **_: Any) -> Answer:
        self.repository.pulls[int(number) - 1] |= body
        return self.get_pull(number)

    def add_labels(self, number: str, body: Any, **_: Any) -> Answer:
        labels = self.repository.pulls[int(number) - 1]["labels"]
        labels += [each for each in body["labels"] if each not in labels]
        return 200, [{"name": name} for name in labels]

    def add_comment(self, number: str, body: Any, **_: Any) -> Answer:
        self.repository.comments.append(body["body"])
        return 201, {"id": 1, "body": body["body"]}

    def _pull(self, pull: dict[str, Any]) -> dict[str, Any]:
        merged = pull["state"] == "merged"
        return {
            "number": pull["number"], "html_url": f"https://github.test/acme/app/pull/{pull['number']}",
            "state": "closed" if merged else pull["state"], "draft": pull["draft"], "auto_merge": pull["auto_merge"],
            "merged_at": "2026-01-01T13:00:00Z" if merged else None,
            "merged_by": {"login": pull["by"]} if merged else None, "title": pull["title"], "body": pull["body"],
            "head": {"sha": self.repository.branches.get(pull["head"], "0" * 40), "ref": pull["head"]},
        }  # fmt: skip

    def _tree(self, commit: str, folder: str) -> str:
        sha = hashlib.sha1(f"{commit}:{folder}".encode(), usedforsecurity=False).hexdigest()
        self.repository.objects[sha] = (commit, folder)
        return sha

    def _blob(self, commit: str, path: str) -> str:
        return self._store(self.repository.commits[commit].files[path][1])

    def _store(self, value: Any) -> str:
        sha = hashlib.sha1(repr(value).encode(), usedforsecurity=False).hexdigest()
        self.repository.objects[sha] = value
        return sha


class FakeGitLab(FakeForge):
    """The routes of GitLab's REST API that draft merge requests need."""

    _P = "/api/v4/projects/acme%2Fapp"
    routes = (
        ("GET", rf"{_P}/repository/branches/([^/]+)", "get_branch"),
        ("DELETE", rf"{_P}/repository/branches/([^/]+)", "delete_branch"),
        ("GET", rf"{_P}/repository/tree", "list_tree"),
        ("GET", rf"{_P}/repository/files/([^/]+)", "get_file"),
        ("GET", rf"{_P}/repository/commits/(\w+)", "get_commit"),
        ("POST", rf"{_P}/repository/commits", "create_commit"),
        ("GET", rf"{_P}/merge_requests", "list_requests"),
        ("POST", rf"{_P}/merge_requests", "create_request"),
        ("GET", rf"{_P}/merge_requests/(\d+)", "get_request"),
        ("PUT", rf"{_P}/merge_requests/(\d+)", "update_request"),
        ("POST", rf"{_P}/merge_requests/(\d+)/notes", "add_note"),
    )

    def get_branch(self, branch: str, **_: Any) -> Answer:
        sha = self.repository.branches.get(branch)
        found = {"name": branch, "commit": {"id": sha}}
        return (200, found) if sha else (404, {"message": "404 Branch Not Found"})

    def delete_branch(self, branch: str, **_: Any) -> Answer:
        del self.repository.branches[branch]
        return 204, None

    def list_tree(self, params: dict[str, str], **_: Any) -> Answer:
        listed = self.repository.listed(params["ref"], params["path"])
        first = (int(params["page"]) - 1) * int(params["per_page"])
        page = listed[first : first + int(params["per_page"])]
        return 200, [{"name": name, "mode": mode} for mode, name in page]

    def get_file(self, path: str, params: dict[str, str], **_: Any) -> Answer:
        content = self.repository.commits[params["ref"]].files[path][1]
        return 200, {"file_path": path, "encoding": "base64", "content": base64.b64encode(content).decode()}

    def get_commit(self, sha: str, **_: Any) -> Answer:
        commit = self.repository.commits[sha]
        return 200, {"id": sha, "message": commit.message, "parent_ids": [commit.parent]}

    def create_commit(self, body: Any, **_: Any) -> Answer:
        if body["branch"] in self.repository.branches and not body["force"]:
            return 400, {"message": "A branch called that already exists."}
        files = dict(self.repository.commits[body["start_sha"]].files)
        (action,) = body["actions"]
        files[action["file_path"]] = ("100644", base64.b64decode(action["content"]))
        return 201, {
            "id": self.repository.add(body["branch"], FakeCommit(files, body["start_sha"], body["commit_message"]))
        }

    def list_requests(self, params: dict[str, str], **_: Any) -> Answer:
        return 200, [self._request(p) for p in self.repository.pulls if p["head"] == params["source_branch"]]

    def create_request(self, body: Any, **_: Any) -> Answer:
        draft = body["title"].startswith("Draft: ")
        found = self.repository.open_pull(
            body["source_branch"],
            body["target_branch"],
            body["title"].removeprefix("Draft: "),
            body["description"],
            draft,
        )
        if found is None:
            return 409, {"message": ["Another open merge request already exists for this source branch"]}
        found["labels"] = body["labels"].split(",")
        return 201, self._request(found)

    def get_request(self, number: str, **_: Any) -> Answer:
        return 200, self._request(self.repository.pulls[int(number) - 1])

    def update_request(self, number: str, body: Any, **_: Any) -> Answer:
        pull = self.repository.pulls[int(number) - 1]
        if body.get("state_event") == "close":
            pull["state"] = "closed"
        pull["body"] = body.get("description", pull["body"])
        return self.get_request(number)

    def add_note(self, number: str, body: Any, **_: Any) -> Answer:
        self.repository.comments.append(body["body"])
        return 201, {"id": 1, "body": body["body"]}

    def _request(self, pull: dict[str, Any]) -> dict[str, Any]:
        return {
            "iid": pull["number"], "web_url": f"https://gitlab.test/acme/app/-/merge_requests/{pull['number']}",
            "state": "opened" if pull["state"] == "open" else pull["state"], "draft": pull["draft"],
            "merge_when_pipeline_succeeds": pull["auto_merge"] is not None,
            "sha": self.repository.branches.get(pull["head"]), "closed_by": None,
            "merge_user": {"username": pull["by"]} if pull["by"] else None,
        }  # fmt: skip


def _ref(branch: str, sha: str) -> dict[str, Any]:
    return {"ref": f"refs/heads/{branch}", "object": {"sha": sha, "type": "commit"}}
