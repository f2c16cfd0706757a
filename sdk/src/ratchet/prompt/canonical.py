"""Canonical JSON (RFC 8785): equal content has equal bytes."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import TypeAlias

import rfc8785

from ratchet.prompt.errors import PromptError, at

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 16
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_SAFE_INTEGER = 2**53 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


_PLAIN = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)
"""Writes what `_is_plain` accepts as RFC 8785 does, in C."""


_PLAIN_KINDS = frozenset((str, bool))


def canonical_bytes(value: Json) -> bytes:
    """Return the RFC 8785 (JSON Canonicalization Scheme) bytes of a value returned by `normal`."""
    if _is_plain(value, MAX_DEPTH):
        try:
            return _PLAIN.encode(value).encode()
        except UnicodeEncodeError:  # lone surrogates: rfc8785 has an error for them
            pass
    return rfc8785.dumps(value)


def normal_bytes(value: object, field: str) -> bytes:
    """Return `canonical_bytes(normal(value, field))`, without copying normal values. Raises PromptError."""
    if _is_plain(value, MAX_DEPTH):
        text = _PLAIN.encode(value)
        if "\\u0000" not in text and (text.isascii() or not _UNSTORABLE.search(text)):
            return text.encode()
    return canonical_bytes(normal(value, field))


def _is_plain(value: object, depth: int) -> bool:
    """Tell whether Python's JSON agrees with RFC 8785: no odd number, only ASCII in names, at most `depth` levels.

    RFC 8785 writes numbers as ECMAScript does, and orders names by their UTF-16 code units.
    """
    kind = type(value)
    if kind is dict and depth:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or not key.isascii():
                return False
            if item is not None and type(item) not in _PLAIN_KINDS and not _is_plain(item, depth - 1):
                return False
        return True
    if kind is list and depth:
        return all(type(item) in _PLAIN_KINDS or _is_plain(item, depth - 1) for item in value)  # type: ignore[attr-defined]
    if kind is int:
        return -_SAFE_INTEGER <= value <= _SAFE_INTEGER  # type: ignore[operator]
    if kind is float:
        return _is_plain_fraction(value)  # type: ignore[arg-type]
    return kind is str or kind is bool or value is None


def _is_plain_fraction(value: float) -> bool:
    """Tell whether Python writes a number as ECMAScript does: without an exponent, and not with `.0`."""
    return 1e-4 <= abs(value) < 1e16 and not value.is_integer()


def digest_of(canonical: bytes) -> str:
    """Return the digest of canonical bytes: `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(canonical).hexdigest()


def exact_text(value: object, field: str) -> str:
    """Return a text without NUL and lone surrogates, which not every store can hold. Raises PromptError."""
    if not isinstance(value, str):
        raise PromptError(field, "must be a text")
    if "\0" in value or (not value.isascii() and _UNSTORABLE.search(value)):
        raise PromptError(field, "must not contain NUL or lone surrogates")
    return value


def normal_text(value: object, field: str) -> str:
    """Return a text in Unicode NFC with LF line ends, so that texts that look equal are equal. Raises PromptError."""
    text = exact_text(value, field)
    if text.isascii() and "\r" not in text:
        return text
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def normal(value: object, field: str, depth: int = 0) -> Json:
    """Return a deep copy of a JSON value with one Python form per value (1.0 becomes 1). Raises PromptError."""
    if depth > MAX_DEPTH:
        raise PromptError(field, f"is nested deeper than {MAX_DEPTH}")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return normal_number(value, field)
    if isinstance(value, str):
        return exact_text(value, field)
    if isinstance(value, list | tuple):
        return [normal(item, at(field, i), depth + 1) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {exact_text(key, field): normal(item, at(field, str(key)), depth + 1) for key, item in value.items()}
    raise PromptError(field, "must be a JSON value")


def normal_number(value: int | float, field: str) -> int | float:
    """Return a number that is exact in every language's JSON (IEEE 754 double). Raises PromptError."""
    try:
        number = float(value)
        if number != number or number in (float("inf"), float("-inf")):
            raise PromptError(field, "must be a finite number")
        if abs(number) <= _SAFE_INTEGER and number == value and number.is_integer():
            return int(value)
        # A whole float of 2**53 and more is read back as an integer: accept what writes the same digits.
        if isinstance(value, int) and rfc8785.dumps(number) != str(value).encode():
            raise PromptError(field, "must be a number that a double represents exactly")
    except OverflowError:
        raise PromptError(field, "must be a number that a double represents exactly") from None
    return number
