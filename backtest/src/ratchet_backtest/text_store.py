"""Texts of users on disk, and hashes of users: memory stays small during a run."""

from array import array
from collections.abc import Sequence
from itertools import accumulate
from tempfile import TemporaryFile
from typing import Any
from zlib import crc32

_LONGEST = 2000
"""Maximum number of characters of a text that are kept."""


class TextStore:
    """A column of texts in an unnamed temporary file, deleted by `close`."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._ends = array("Q", [0])

    def extend(self, cells: Sequence[Any]) -> None:
        kept = [str(cell)[:_LONGEST].encode("utf-8", "replace") if cell else b"" for cell in cells]
        self._file.write(b"".join(kept))
        self._ends.extend(list(accumulate(map(len, kept), initial=self._ends[-1]))[1:])

    def at(self, row: int) -> str:
        """Return the text of a row; empty if there is none."""
        start, end = self._ends[row], self._ends[row + 1]
        self._file.seek(start)
        return self._file.read(end - start).decode()

    def close(self) -> None:
        self._file.close()


class UserIndex:
    """A column of users as short hashes, to compare them for equality."""

    def __init__(self) -> None:
        self._hashes = array("L")

    def extend(self, cells: Sequence[Any]) -> None:
        self._hashes.extend([crc32(str(cell).encode("utf-8", "replace")) for cell in cells])

    def at(self, row: int) -> str:
        return f"{self._hashes[row]:08x}"
