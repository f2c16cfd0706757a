"""Selection of the reader of a file, by its first bytes and its name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ratchet.tables.compression import FileContent
from ratchet.tables.delimited import Delimited
from ratchet.tables.errors import BadFile
from ratchet.tables.json_file import Json
from ratchet.tables.parquet import Parquet
from ratchet.tables.rows import Omissions, Source
from ratchet.tables.table import Table
from ratchet.tables.workbook import Workbook

FORMATS = "CSV, JSON, JSON Lines, .xlsx or Parquet; also as .gz, .zst, .bz2, .xz or .zip"
_JSON = frozenset({".json", ".jsonl", ".ndjson"})
_CSV = frozenset({".csv", ".tsv", ".tab", ".psv"})


@dataclass(frozen=True, slots=True)
class Layout:
    """Given facts about the layout of a file; None and empty mean that it is detected."""

    header: bool | None = None
    sheet: str | None = None
    missing: frozenset[str] = frozenset()


def open_table(path: Path, layout: Layout = Layout()) -> Table:  # it cannot be changed
    """Return the file at `path` as a table. Raises BadFile, or Doubt where its layout is ambiguous."""
    return Table(open_source(path, layout), layout.missing)


def read_records(path: Path, layout: Layout = Layout()) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield all rows as objects, with their numbers. Raises BadFile at the first unreadable row."""
    source, omissions = open_source(path, layout), Omissions()
    if isinstance(source, Json):
        yield from source.objects(omissions)
    else:
        names = list(source.head(1)[1])
        for numbers, cells in source.batches(names, omissions, lambda done: None):
            for number, row in zip(numbers, zip(*cells, strict=True), strict=True):
                yield number, dict(zip(names, row, strict=True))
    for reason, found in omissions.found.items():
        raise BadFile(f"{source.unit} {found.first}: {reason}")


def open_source(path: Path, layout: Layout = Layout()) -> Source:
    """Return the rows of the file at `path`, its cells as they are. Raises BadFile, or Doubt."""
    content = FileContent(path)
    if content.size == 0:
        raise BadFile(f"{path.name} is empty")
    if content.packing:
        return _text(content, content.first(1 << 16), layout)
    if content.mark.startswith(b"PAR1"):
        return Parquet(path)
    if content.mark.startswith(b"PK"):
        return Workbook(path, layout.header, layout.sheet)
    if content.mark.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadFile(f"{path.name} is an old Excel file: save it as .xlsx or CSV")
    if path.suffix.casefold() == ".parquet":
        return Parquet(path)
    return _text(content, content.first(1 << 16), layout)


def _text(content: FileContent, head: bytes, layout: Layout) -> Source:
    if head.startswith((b"PAR1", b"PK")):
        raise BadFile(f"{content.name} is compressed twice: decompress it")
    start = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if content.suffix in _JSON or (content.suffix not in _CSV and start[:1] in (b"{", b"[")):
        return Json(content)
    if start[:1] == b"<":
        raise BadFile(f"{content.name} is HTML or XML: {FORMATS} can be read")
    if start[:5] == b"%PDF-" or (b"\0" in head and content.encoding().name in ("utf-8", "cp1252")):
        raise BadFile(f"{content.name} has an unknown format: {FORMATS} can be read")
    return Delimited(content, layout.header)
