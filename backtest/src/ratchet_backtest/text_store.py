"""What users asked, kept on disk while the past is folded: memory stays small, whatever people wrote."""

from array import array
from collections.abc import Sequence
from itertools import accumulate
from tempfile import TemporaryFile
from typing import Any
from zlib import crc32

_LONGEST = 2000
"""Characters of a text that are kept; nobody looks at more of them."""


class TextStore:
    """A column of texts in a file that has no name and is gone when it is closed."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._ends = array("Q", [0])

    def extend(self, cells: Sequence[Any]) -> None:
        kept = [str(cell)[:_LONGEST].encode("utf-8", "replace") if cell else b"" for cell in cells]
        self._file.write(b"".join(kept))
        self._ends.extend(list(accumulate(map(len, kept), initial=self._ends[-1]))[1:])

    def at(self, row: int) -> str:
        """A text by its row; empty where there was none."""
        start, end = self._ends[row], self._ends[row + 1]
        self._file.seek(start)
        return self._file.read(end - start).decode()

    def close(self) -> None:
        self._file.close()


class UserIndex:
    """A column of users, as short hashes: only whether they are the same people matters."""

    def __init__(self) -> None:
        self._hashes = array("L")

    def extend(self, cells: Sequence[Any]) -> None:
        self._hashes.extend([crc32(str(cell).encode("utf-8", "replace")) for cell in cells])

    def at(self, row: int) -> str:
        return f"{self._hashes[row]:08x}"
