"""Replacement of one string or null in a JSON file, without any other change of the file."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

_VALUE = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|null')

_MOST_TRIED = 100
"""Equal values that are tried: each takes time, and a file may have any number."""


class UnusableFile(ValueError):
    """The file can't be read or changed as a prompt; the message says why, without the file's text."""


def strings_at(text: str) -> Iterator[tuple[str, str]]:
    """Yield each string value of a JSON file with its pointer (RFC 6901). Raises UnusableFile."""
    yield from ((at, value) for at, value in _values(load_json(text), "") if value is not None)


def replace_string(text: str, pointer: str, new: str) -> str:
    """Return the file with another string at `pointer`; everything else keeps its bytes. Raises UnusableFile."""
    if pointer not in dict(strings_at(text)):
        raise UnusableFile(f"there is no string at {pointer or 'the top'}")
    return replace_value(text, pointer, new)


def replace_value(text: str, pointer: str, new: str | None) -> str:
    """Return the file with another string or null at `pointer`, where one of them is. Raises UnusableFile."""
    document = load_json(text)
    found = dict(_values(document, ""))
    if pointer not in found:
        raise UnusableFile(f"there is neither a string nor null at {pointer or 'the top'}")
    old, wanted = found[pointer], _with(document, pointer, new)
    same = (match for match in _VALUE.finditer(text) if json.loads(match[0]) == old)
    for match in islice(same, _MOST_TRIED):
        written = json.dumps(new, ensure_ascii=match[0].isascii())
        changed = text[: match.start()] + written + text[match.end() :]
        if load_json(changed) == wanted:
            return changed
    raise UnusableFile(f"the value at {pointer or 'the top'} can't be replaced alone")


def load_json(text: str) -> Any:
    """Return the value of a JSON file. Raises UnusableFile."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UnusableFile("it is not JSON, or has a key twice") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _values(value: Any, pointer: str) -> Iterator[tuple[str, str | None]]:
    match value:
        case str() | None:
            yield pointer, value
        case dict():
            for key, item in value.items():
                yield from _values(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        case list():
            for i, item in enumerate(value):
                yield from _values(item, f"{pointer}/{i}")


def _with(value: Any, pointer: str, new: str | None) -> Any:
    if not pointer:
        return new
    head, _, rest = pointer[1:].partition("/")
    rest = f"/{rest}" if "/" in pointer[1:] else ""
    if isinstance(value, list):
        return [_with(item, rest, new) if str(i) == head else item for i, item in enumerate(value)]
    key = head.replace("~1", "/").replace("~0", "~")
    return {each: _with(item, rest, new) if each == key else item for each, item in value.items()}
