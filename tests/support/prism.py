"""Prism: a proxy that rejects requests which do not conform to an OpenAPI document."""

import fcntl
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ratchet_local import process
from ratchet_local.ports import free_port
from tests.support.requirements import PRISM, PRISM_VERSION, missing, prism_missing

_START_SECONDS = 60.0


def fetch_prism() -> Path:
    """Return Prism's script, fetched by npm once (90 MB). A file lock serialises concurrent processes."""
    if reason := prism_missing():
        missing(reason)
    PRISM.parent.mkdir(parents=True, exist_ok=True)
    with (PRISM.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not PRISM.is_dir():
            unfinished = PRISM.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            done = subprocess.run(
                ["npm", "install", "--prefix", str(unfinished), "--ignore-scripts", "--no-audit", "--no-fund",
                 f"@stoplight/prism-cli@{PRISM_VERSION}"],
                check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            )  # fmt: skip
            if done.returncode:
                missing(f"no Prism: npm could not fetch it: {done.stderr.strip()[-300:]}")
            unfinished.rename(PRISM)
    return PRISM / "node_modules" / ".bin" / "prism"


@contextmanager
def validating_proxy(description: Path, upstream: str, log: Path) -> Iterator[str]:
    """Yield the URL of a Prism in front of `upstream`: it forwards only requests that conform to `description`."""
    port = free_port()
    command = [str(fetch_prism()), "proxy", str(description), upstream, "--errors", "--port", str(port)]
    server = process.start(command, log, {**os.environ, "NO_COLOR": "1"})
    try:
        process.wait_until(lambda: _listens(port), server, log, _START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.end(server)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
