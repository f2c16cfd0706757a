"""Live prompts in a folder: what an app that starts while the server is unavailable serves."""

import contextlib
import hashlib
import json
import logging
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ratchet.client.response_limits import MAX_BYTES
from ratchet.sanitize import visible

log = logging.getLogger("ratchet")

_MAX_FILE_BYTES = 2 * MAX_BYTES
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """A payload as it was received, and the public keys by id that were trusted then. Neither is verified yet."""

    payload: Any
    keys: Mapping[str, str]


class SavedPrompts:
    """One file per server, key and prompt name, readable by its owner only. A failure is logged and changes nothing."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        self._folder = folder
        self._scope = f"{url}\n{key}\n"
        self._has_failed = False

    def load(self, name: str) -> SavedPrompt | None:
        """Return what was saved of a name, if anything can be read and nobody else may have written it."""
        path = self._path(name)
        try:
            content = json.loads(_read_own(path))
            return SavedPrompt(content["payload"], dict(content["keys"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("ratchet: %s is not used: %s", visible(str(path)), visible(str(error)))
            return None

    def save(self, name: str, payload: object, keys: Mapping[str, str]) -> None:
        """Replace what was saved of a name, all or nothing; creates the folder."""
        with self._logged_failures():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".tmp")
            try:
                with open(descriptor, "w", encoding="utf-8") as file:
                    json.dump({"payload": payload, "keys": dict(keys)}, file)
                os.replace(temporary, self._path(name))
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise

    def delete(self, name: str) -> None:
        """Delete what was saved of a name."""
        with self._logged_failures(), contextlib.suppress(FileNotFoundError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self._folder / (hashlib.sha256((self._scope + name).encode()).hexdigest()[:40] + ".json")

    @contextlib.contextmanager
    def _logged_failures(self) -> Iterator[None]:
        """Log the first failure: a full or read-only disk must neither stop the app nor fill its log."""
        try:
            yield
        except (OSError, ValueError, TypeError) as error:
            level = logging.INFO if self._has_failed else logging.WARNING
            self._has_failed = True
            log.log(level, "ratchet: prompts are not saved in %s: %s", visible(str(self._folder)), visible(str(error)))


def _read_own(path: Path) -> bytes:
    """Return the content of a file that only this process's user, or root, may write. Raises OSError."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if os.name == "posix" and (status.st_uid not in (0, os.geteuid()) or status.st_mode & _OTHERS_MAY_WRITE):
            raise PermissionError("another user may have written it")
        if status.st_size > _MAX_FILE_BYTES:
            raise OSError("it is too large")
        return file.read(_MAX_FILE_BYTES)
