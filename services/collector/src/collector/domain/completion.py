"""Completion of a recorded execution by one sent later. Pure.

A field that was absent is filled in once; the same value again is a repeat. Fields by which feedback and values are
counted can't be filled in later: that would not move what was counted before.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from collector.domain.model import Mismatch, NewExecution, RecordedExecution, as_uuid, key_hash
from collector.domain.validation import COMPANIONS, MAX_EXECUTION, REST

_IDENTITY = frozenset({"execution_id", "occurred_at", "clock_skew_s"})
"""Facts that keep their first value."""
_FIRST_ONLY = frozenset({"prompts", "consent", "trace_id", "parent_id"})
_ANOTHER_VALUE = "was recorded with another value, which was kept"
_TOO_LATE = "was absent when the execution was recorded; feedback and values are counted by it, so it can't be added"
_UNKNOWN = "was recorded before executions could be completed; its stored fields are kept"

Path = tuple[str, ...]


class Completion(NamedTuple):
    """The completed execution, and its `execution.recorded` with what is new."""

    execution: RecordedExecution
    event_id: str
    payload: bytes
    session: bytes | None = None
    """The key of the session whose root it is, where that was not known before."""


def complete(known: RecordedExecution, item: NewExecution) -> Completion | Mismatch | None:
    """Return the completion of `known` by `item`; the fields that prevent it; or None where it adds nothing."""
    if known.values is None:
        return Mismatch((("id", _UNKNOWN),))
    facts, values = _leaves(from_json(known.facts)), _leaves(from_json(known.values))
    new_facts, new_values = _leaves(from_json(item.facts)), _leaves(from_json(item.values))
    mismatches = [("target", _ANOTHER_VALUE)] if known.target != item.target else []
    added_facts = _added(facts, {path: new for path, new in new_facts.items() if path[0] not in _IDENTITY}, mismatches)
    added_values = _added(values, new_values, mismatches)
    if mismatches:
        return Mismatch(tuple(mismatches))
    if not added_facts and not added_values:
        return None
    revision = known.revision + 1
    all_facts = to_json(_nested({**facts, **added_facts}))
    payload = _payload(item, all_facts, {*added_facts, *added_values}, revision)
    if len(payload) > MAX_EXECUTION:
        return Mismatch((("body", f"must have at most {MAX_EXECUTION} bytes together with what was recorded"),))
    execution = RecordedExecution(known.target, all_facts, to_json(_nested({**values, **added_values})), revision)
    event_id = as_uuid(key_hash("completion", item.reference.hex(), str(revision)))
    return Completion(execution, event_id, payload, None if ("parent_id",) in facts else item.session)


def _added(known: Mapping[Path, Any], new: Mapping[Path, Any], mismatches: list[tuple[str, str]]) -> dict[Path, Any]:
    """Return the leaves of `new` that `known` lacks. Appends conflicting fields to `mismatches`."""
    added = {}
    for path, value in new.items():
        if path in known:
            if known[path] != value:
                mismatches.append((".".join(path), _ANOTHER_VALUE))
        elif path[0] in _FIRST_ONLY:
            mismatches.append((".".join(path), _TOO_LATE))
        else:
            added[path] = value
    return added


def _payload(item: NewExecution, facts: bytes, added: set[Path], revision: int) -> bytes:
    """Return the event: all facts, and the new members of the other fields."""
    sent = from_json(item.payload)
    del sent["facts"]
    for name, companion in COMPANIONS.items():
        if (name,) not in added:
            sent.pop(companion, None)
    rest = {name: sent.pop(name) for name in REST if name in sent}
    kept = {path: value for path, value in _leaves(rest).items() if path in added or path[:1] in added}
    sent |= {**_nested(kept), "revision": revision, "completes": sorted(".".join(path) for path in added)}
    return b'{"facts":' + facts + b"," + to_json(sent)[1:]


def _leaves(document: Mapping[str, Any]) -> dict[Path, Any]:
    """Return the non-empty values of a document by path; members of an object have their own paths."""
    leaves: dict[Path, Any] = {}
    for name, value in document.items():
        members = {(name, inner): value[inner] for inner in value} if isinstance(value, dict) else {(name,): value}
        leaves |= {path: found for path, found in members.items() if found is not None and found != []}
    return leaves


def _nested(leaves: Mapping[Path, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for (name, *member), value in leaves.items():
        if member:
            document.setdefault(name, {})[member[0]] = value
        else:
            document[name] = value
    return document
