"""Decompression of files: gzip, Zstandard, bzip2, xz, or a zip archive of one file."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ratchet.tables.encodings import Encoding, detect
from ratchet.tables.errors import BadFile

_CHUNK = 1 << 20
_ZSTD = "reading .zst needs zstandard: pip install 'ratchet-sdk[zst]'"
_MARKS = (
    (b"\x1f\x8b", "gz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
)


class FileContent:
    """The decompressed content of `path`. `size` is the compressed size; `packing` is "" for an uncompressed file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        with path.open("rb") as file:
            self.mark = file.read(16)
        self.packing = next((name for mark, name in _MARKS if self.mark.startswith(mark)), "")
        self._raw: IO[bytes] | None = None
        if self.packing == "zip" and self._is_workbook():
            self.packing = ""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def suffix(self) -> str:
        """The suffix of the file name in lower case, without that of the compression."""
        path = self.path
        packed = {".gz", ".zst", ".zstd", ".bz2", ".xz", ".zip", ".gzip"}
        return (path.with_suffix("") if path.suffix.casefold() in packed else path).suffix.casefold()

    def position(self) -> int:
        """Return how much of `size` the last opened stream has read."""
        return self._raw.tell() if self._raw and not self._raw.closed else self.size

    @contextmanager
    def unpacked(self) -> Iterator[IO[bytes]]:
        """Open the decompressed bytes. Raises BadFile where the compression is damaged."""
        with self.path.open("rb") as raw:
            self._raw = raw
            try:
                with _UNPACKED[self.packing](raw) as stream:
                    yield stream
            except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile) as error:
                raise BadFile(f"{self.name} cannot be decompressed: it is damaged or truncated ({error})") from None

    @contextmanager
    def text(self, encoding: Encoding, newline: str | None = "") -> Iterator[io.TextIOWrapper]:
        """Open the content as text."""
        with self.unpacked() as stream, io.TextIOWrapper(stream, encoding.name, "replace", newline) as text:
            yield text

    def first(self, size: int = _CHUNK) -> bytes:
        """Return the first decompressed bytes."""
        with self.unpacked() as stream:
            return stream.read(size)

    def encoding(self) -> Encoding:
        """Return the encoding of the text."""
        with self.unpacked() as stream:
            return detect(iter(lambda: stream.read(_CHUNK), b""))

    def _is_workbook(self) -> bool:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return "xl/workbook.xml" in archive.namelist()
        except (zipfile.BadZipFile, OSError):
            return False


@contextmanager
def _plain(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    yield raw


@contextmanager
def _zstandard(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    try:
        import zstandard
    except ImportError:
        raise BadFile(_ZSTD) from None
    try:
        with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
            yield stream
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from None


@contextmanager
def _only_member(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(raw) as archive:
        files = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
        if len(files) != 1:
            raise BadFile(f"it is a zip archive of {len(files)} files: extract it and pass one of them")
        with archive.open(files[0]) as stream:
            yield stream


_UNPACKED: dict[str, Callable[[IO[bytes]], Any]] = {
    "": _plain,
    "gz": lambda raw: gzip.GzipFile(fileobj=raw),
    "zst": _zstandard,
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zip": _only_member,
}
