"""Runs the `git` binary on one temporary bare repository, apart from the machine's configuration.

Nothing is checked out, so that links, filters and hooks of a hostile repository have no effect; no configuration file
is read; only http(s) is allowed, without redirects; received objects are checked (`transfer.fsckObjects`); time, memory
of packs and size of files are bounded. Names are never options: they follow `--` or are full refs.
"""

import asyncio
import base64
import contextlib
import os
import re
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from proposer.forges.port import ForgeError

_SECONDS = 120.0
_MAX_FILE_KIB = 2_000_000
_MAX_OUTPUT = 8_000_000
_SCRIPT = f'ulimit -f {_MAX_FILE_KIB * 2}; exec git "$@"'  # in blocks of 512 bytes
_REFUSED = re.compile(r"\b(401|403|404)\b|Authentication failed|could not read Username|not found", re.IGNORECASE)
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "http.maxRequests": "2",
    "pack.windowMemory": "64m",
    "protocol.allow": "never",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "transfer.fsckObjects": "true",
}


class GitProcess:
    """Commands on one temporary repository."""

    def __init__(self, folder: Path, user: str, token: str | None) -> None:
        self._folder = folder
        config = dict(_CONFIG)
        if token is not None:  # in the environment of the process: arguments are visible to other users
            basic = base64.b64encode(f"{user}:{token}".encode()).decode()
            config["http.extraHeader"] = f"Authorization: Basic {basic}"
        self._environment = _environment(folder, config)

    async def run(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        """Return what a command prints. Raises ForgeError; a command that takes longer than 120 s is ended."""
        code, output, said = await self._start(arguments, stdin, extra)
        if code != 0:
            message = f"git {arguments[0]}: {' '.join(said.split())[:300]}"
            raise ForgeError("refused" if _REFUSED.search(said) else "unavailable", message)
        return output

    async def _start(
        self, arguments: tuple[str, ...], stdin: bytes, extra: Mapping[str, str] | None
    ) -> tuple[int, bytes, str]:
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", _SCRIPT, "git", *arguments, cwd=self._folder, stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
                env={**self._environment, **(extra or {})},
            )  # fmt: skip
        except OSError as error:
            raise ForgeError("unavailable", f"git can't be started: {error.strerror}") from error
        try:
            async with asyncio.timeout(_SECONDS):
                output, said = await process.communicate(stdin)
        except TimeoutError as error:
            raise ForgeError("unavailable", f"git {arguments[0]} took longer than {_SECONDS:.0f} s") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with its helpers, such as git-remote-https
                await process.wait()
        assert process.returncode is not None
        return process.returncode, output[:_MAX_OUTPUT], said.decode("utf-8", "replace")


@contextlib.asynccontextmanager
async def temporary_repository(user: str, token: str | None) -> AsyncIterator[GitProcess]:
    """Yield an empty bare repository, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="ratchet-git-") as folder:
        git = GitProcess(Path(folder), user, token)
        await git.run("init", "--quiet", "--bare", "--template=", ".")
        yield git


def _environment(folder: Path, config: Mapping[str, str]) -> dict[str, str]:
    numbered = {"GIT_CONFIG_COUNT": str(len(config))}
    for i, (key, value) in enumerate(config.items()):
        numbered |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
    return {
        **numbered, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1", "HOME": str(folder), "LC_ALL": "C.UTF-8",
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    }  # fmt: skip
