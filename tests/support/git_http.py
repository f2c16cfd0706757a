"""A git server over http on this machine: `git http-backend` in front of bare repositories."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@localhost", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@localhost",
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8",
}  # fmt: skip


class BareRepository:
    """A bare repository, changed by git itself as a person's machine would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", ".")
        for key in ("http.receivepack", "uploadpack.allowFilter"):
            self.git("config", key, "true")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Return what a command prints."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=_ENVIRONMENT, input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self, branch: str, path: str, content: str, mode: str = "100644", *, orphan: bool = False) -> str:
        """Commit one file to a branch; `orphan`: without its history, as after a forced push."""
        blob = self.git("hash-object", "-w", "--stdin", stdin=content.encode())
        parent = self.head(branch)
        self.git("read-tree", *([parent] if parent else ["--empty"]))
        self.git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}")
        parents = ["-p", parent] if parent and not orphan else []
        commit = self.git("commit-tree", self.git("write-tree"), *parents, "-m", "edit")
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def head(self, branch: str) -> str | None:
        found = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return found or None

    def content(self, branch: str, path: str) -> str:
        return self.git("cat-file", "blob", f"{branch}:{path}")


@contextlib.contextmanager
def git_server(root: Path, password: str | None = None) -> Iterator[str]:
    """Serve the repositories below `root`, and yield the address; with `password`, only to who knows it."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("transfer-encoding") == "chunked":
                body = _dechunked(self.rfile)
            if password is not None and self.headers.get("authorization") != password:
                self.send_response(401)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            parts = urlsplit(self.path)
            environment = {
                **_ENVIRONMENT, "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query, "REQUEST_METHOD": self.command, "REMOTE_USER": "ratchet",
                "CONTENT_TYPE": self.headers.get("content-type", ""), "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
                "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
            }  # fmt: skip
            done = subprocess.run(
                ["git", "http-backend"], env=environment, input=body, capture_output=True, check=False
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = [line.decode().split(": ", 1) for line in head.split(b"\r\n") if b": " in line]
            status = next((value.split()[0] for name, value in headers if name == "Status"), "200")
            self.send_response(int(status))
            for name, value in headers:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815

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


def _dechunked(stream: object) -> bytes:
    found = b""
    while size := int(stream.readline().strip() or b"0", 16):  # type: ignore[attr-defined]
        found += stream.read(size)  # type: ignore[attr-defined]
        stream.readline()  # type: ignore[attr-defined]
    stream.readline()  # type: ignore[attr-defined]
    return found
