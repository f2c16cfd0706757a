"""Removal of optional fields that the server refuses, so that the rest of an item is kept. Pure."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ratchet.client.recorded_items import RecordedItem, encode

_REQUIRED = {
    "executions": frozenset({"id", "target"}),
    "feedback": frozenset({"id", "execution_id", "trace_id", "session", "kind", "value"}),
}
_NO_CONSENT = {"quality": False, "learning": False}
_PATH = re.compile(r"(?:\[0\]\.)?([a-z_]+)(?:\[(\d+)\]|\.(.+))?", re.DOTALL)


def without(item: RecordedItem, fields: Iterable[str]) -> RecordedItem | None:
    """Return `item` without these fields, given as paths such as `cost`, `attributes.tenant`, `prompts[0].digest`.

    None where one of them is required, unknown, or can't be removed.
    """
    names = list(dict.fromkeys(fields))
    try:
        body = json.loads(item.encoded)
    except (ValueError, RecursionError):
        return None
    if not names or not isinstance(body, dict):
        return None
    indices: dict[str, set[int]] = {}
    for name in names:
        path = _PATH.match(name)
        if path is None or path[1] in _REQUIRED[item.route] or not _remove(body, path, indices):
            return None
    for name, found in indices.items():
        if name in body:
            body[name] = [value for index, value in enumerate(body[name]) if index not in found]
    uses = {prompt.get("digest") for prompt in body.get("prompts", ()) if isinstance(prompt, dict)}
    documents = tuple(use for use in item.documents if use.digest in uses)
    return replace(item, encoded=encode(body), documents=documents, dropped=(*item.dropped, *names))


def _remove(body: dict[str, Any], path: re.Match[str], indices: dict[str, set[int]]) -> bool:
    """Remove a field from `body`; return whether that is possible. Adds elements of lists to `indices`."""
    name, index, member = path.groups()
    value = body.get(name)
    if value is None:
        return False
    if name == "consent":
        body[name] = dict(_NO_CONSENT)  # an invalid consent permits nothing
        return bool(value != _NO_CONSENT)
    if index is not None and isinstance(value, list):
        indices.setdefault(name, set()).add(int(index))
    elif member is not None and isinstance(value, dict) and member in value:
        del value[member]
    else:
        del body[name]
    return True
