"""The JavaScript client: its dependencies by npm, and its build, each made once per change."""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.requirements import ROOT, missing, node_missing

SDK_JS = ROOT / "sdk-js"
_CACHE = ROOT / ".cache" / "sdk-js"


def node() -> str:
    """Return the path of Node.js; skips the test without it."""
    if reason := node_missing():
        missing(reason)
    found = shutil.which("node")
    assert found is not None
    return found


def install() -> None:
    """Install the packages of the client's build and tests."""
    with _lock():
        _install()


def build() -> Path:
    """Return the folder of the built client."""
    with _lock():
        _install()
        sources = [SDK_JS / "build.mjs", SDK_JS / "package.json", SDK_JS / "tsconfig.json", *SDK_JS.glob("src/**/*.ts")]
        _once("built", sources, SDK_JS / "dist", ["npm", "run", "build"])
    return SDK_JS / "dist"


@contextmanager
def _lock() -> Iterator[None]:
    """Serialise concurrent processes by a lock of a file; skips the test without Node.js."""
    node()
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install() -> None:
    _once("installed", [SDK_JS / "package-lock.json"], SDK_JS / "node_modules", ["npm", "ci"])


def _once(name: str, sources: Iterable[Path], made: Path, command: list[str]) -> None:
    """Run `command` unless it made `made` from these sources before. Raises AssertionError with its output."""
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()
    stamp = _CACHE / name
    if made.is_dir() and stamp.exists() and stamp.read_text() == wanted:
        return
    done = run(command)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
    stamp.write_text(wanted)


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command in the client's folder."""
    return subprocess.run(
        command, cwd=SDK_JS, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8"
    )
