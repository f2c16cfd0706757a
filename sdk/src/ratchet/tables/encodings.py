"""Detection of text encodings: by byte order mark, UTF-16 by zero bytes, UTF-8, else Windows-1252."""

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name, and a note about it: None for UTF-8 and for encodings with a byte order mark."""

    name: str
    note: str | None = None


def detect(chunks: Iterable[bytes]) -> Encoding:
    """Return the encoding of a text in chunks. All of them are read: the last bytes may decide."""
    remaining = iter(chunks)
    head = next(remaining, b"")
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name)
    wide = _without_mark(head[:_HEAD])
    if wide:
        return Encoding(wide, f"read as {wide.upper()}: it has no byte order mark")
    return _narrow(head, remaining)


def _without_mark(head: bytes) -> str | None:
    """Return the kind of UTF-16 without mark, in which every second byte of Latin text is zero; else None."""
    half = len(head) // 2
    if half == 0 or 0 not in head:
        return None
    even, odd = head[: 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.1 * half else None


def _narrow(head: bytes, remaining: Iterable[bytes]) -> Encoding:
    lenient = codecs.getincrementaldecoder("utf-8")("replace")
    first, lines, broken, whole = 0, 1, 0, 0
    for chunk in chain((head,), remaining):
        text = lenient.decode(chunk)
        if not text.isascii():
            marks = text.count("\ufffd")
            if marks and not first:
                first = lines + text[: text.index("\ufffd")].count("\n")
            broken += marks
            whole += sum(char > "\x7f" for char in text) - marks
        lines += chunk.count(b"\n")
    if lenient.decode(b"", final=True):
        broken, first = broken + 1, first or lines
    if not broken:
        return Encoding("utf-8")
    if whole > broken:
        return Encoding("utf-8", f"{broken:,} characters are not UTF-8 and read as � (the first: line {first:,})")
    return Encoding("cp1252", f"read as Windows-1252: line {first:,} is not UTF-8")


def decode(content: bytes, errors: str = "replace") -> tuple[str, str | None]:
    """Return a text without its mark and with `\\n` as newline, and a note about its encoding.

    Raises UnicodeDecodeError with the error handler `strict` for undefined bytes.
    """
    found = detect([content])
    text = content.decode(found.name, errors)
    return text.replace("\r\n", "\n").replace("\r", "\n"), found.note
