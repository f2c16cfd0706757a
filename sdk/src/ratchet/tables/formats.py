"""Which reader a file needs: by its first bytes, and by its name where those leave it open."""

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
    """What is given about a file's layout; None and empty leave it to the file."""

    header: bool | None = None
    sheet: str | None = None
    missing: frozenset[str] = frozenset()


def open_table(path: Path, layout: Layout = Layout()) -> Table:  # it cannot be changed
    """The file at `path`. Raises BadFile, or Doubt where its layout is for a person to decide."""
    return Table(_source(path, layout), layout.missing)


def read_records(path: Path, layout: Layout = Layout()) -> Iterator[tuple[int, dict[str, Any]]]:
    """All rows as objects, with their numbers; a row that cannot be read ends it. Raises BadFile."""
    source, omissions = _source(path, layout), Omissions()
    if isinstance(source, Json):
        yield from source.objects(omissions)
    else:
        names = list(source.head(1)[1])
        for numbers, cells in source.batches(names, omissions, lambda done: None):
            for number, row in zip(numbers, zip(*cells, strict=True), strict=True):
                yield number, dict(zip(names, row, strict=True))
    for reason, found in omissions.found.items():
        raise BadFile(f"{source.unit} {found.first}: {reason}")


def _source(path: Path, layout: Layout) -> Source:
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
        raise BadFile(f"{content.name} is packed twice: unpack it")
    start = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if content.suffix in _JSON or (content.suffix not in _CSV and start[:1] in (b"{", b"[")):
        return Json(content)
    if start[:1] == b"<":
        raise BadFile(f"{content.name} is a page or XML, no table: {FORMATS} can be read")
    if start[:5] == b"%PDF-" or (b"\0" in head and content.encoding().name in ("utf-8", "cp1252")):
        raise BadFile(f"{content.name} is no text, and no format that is known: {FORMATS} can be read")
    return Delimited(content, layout.header)
