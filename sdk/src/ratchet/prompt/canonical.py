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


def canonical_bytes(value: Json) -> bytes:
    """Return the RFC 8785 (JSON Canonicalization Scheme) bytes of a value returned by `normal`."""
    if _is_plain(value):
        try:
            return _PLAIN.encode(value).encode()
        except UnicodeEncodeError:  # lone surrogates: rfc8785 has an error for them
            pass
    return rfc8785.dumps(value)


def _is_plain(value: Json) -> bool:
    """Tell whether Python's JSON agrees with RFC 8785: no fraction or large number, and only ASCII in names.

    RFC 8785 writes numbers as ECMAScript does, and orders names by their UTF-16 code units.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -_SAFE_INTEGER <= value <= _SAFE_INTEGER  # type: ignore[operator]
    if kind is dict:
        return all(type(key) is str and key.isascii() and _is_plain(it) for key, it in value.items())  # type: ignore[union-attr]
    if kind is list:
        return all(map(_is_plain, value))  # type: ignore[arg-type]
    return False


def digest_of(canonical: bytes) -> str:
    """Return the digest of canonical bytes: `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(canonical).hexdigest()


def exact_text(value: object, field: str) -> str:
    """Return a text without NUL and lone surrogates, which not every store can hold. Raises PromptError."""
    if not isinstance(value, str):
        raise PromptError(field, "must be a text")
    if _UNSTORABLE.search(value):
        raise PromptError(field, "must not contain NUL or lone surrogates")
    return value


def normal_text(value: object, field: str) -> str:
    """Return a text in Unicode NFC with LF line ends, so that texts that look equal are equal. Raises PromptError."""
    text = exact_text(value, field)
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
