"""Replacement of one string in a JSON file, without any other change of the file."""

import json
import re
from collections.abc import Iterator
from typing import Any

_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')


class UnusableFile(ValueError):
    """The file can't be read or changed as a prompt; the message says why, without the file's text."""


def strings_at(text: str) -> Iterator[tuple[str, str]]:
    """Yield each string value of a JSON file with its pointer (RFC 6901). Raises UnusableFile."""
    yield from _strings(_load(text), "")


def replace_string(text: str, pointer: str, new: str) -> str:
    """Return the file with another string at `pointer`; everything else keeps its bytes. Raises UnusableFile."""
    document = _load(text)
    found = dict(_strings(document, ""))
    if pointer not in found:
        raise UnusableFile(f"there is no string at {pointer or 'the top'}")
    old, wanted = found[pointer], _with(document, pointer, new)
    for match in _STRING.finditer(text):
        if json.loads(match[0]) == old:
            changed = text[: match.start()] + json.dumps(new, ensure_ascii=match[0].isascii()) + text[match.end() :]
            if _load(changed) == wanted:
                return changed
    raise UnusableFile(f"the string at {pointer or 'the top'} can't be replaced alone")


def _load(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UnusableFile("it is not JSON, or has a key twice") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield pointer, value
        case dict():
            for key, item in value.items():
                yield from _strings(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        case list():
            for i, item in enumerate(value):
                yield from _strings(item, f"{pointer}/{i}")


def _with(value: Any, pointer: str, new: str) -> Any:
    if not pointer:
        return new
    head, _, rest = pointer[1:].partition("/")
    rest = f"/{rest}" if "/" in pointer[1:] else ""
    if isinstance(value, list):
        return [_with(item, rest, new) if str(i) == head else item for i, item in enumerate(value)]
    key = head.replace("~1", "/").replace("~0", "~")
    return {each: _with(item, rest, new) if each == key else item for each, item in value.items()}
