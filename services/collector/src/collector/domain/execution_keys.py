"""Keys by which feedback about a session finds its root executions, and by which their versions are compared. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from collector.domain.model import ExecutionContext, NewExecution, key_hash
from collector.domain.schemas import ExecutionBody


def session_key(facts: Mapping[str, Any], scope: tuple[str, str]) -> bytes | None:
    """Return the key of the session in a project and environment; None for an execution that is not a root of one."""
    session = facts.get("session")
    return None if session is None or "parent_id" in facts else key_hash(*scope, "session", session)


def version_key(body: ExecutionBody) -> bytes:
    """Return 16 bytes: a hash of the target and the names of the prompts, and one of which versions these are.

    A version is a digest, or the app's own label.
    """
    names = key_hash(body.target, *(use.name for use in body.prompts))
    versions = (f"{use.digest or ''}\x1e{'' if use.digest else use.version or ''}" for use in body.prompts)
    return names[:HALF] + key_hash(*versions)[:HALF]


class NewContexts(NamedTuple):
    """New executions by their references, and the first of each trace and session; and the versions of these keys."""

    first: dict[bytes, ExecutionContext]
    versions: dict[bytes, set[bytes]]


def contexts_of(executions: Iterable[NewExecution]) -> NewContexts:
    """Return what feedback about these executions, or about their traces and sessions, is joined with."""
    first: dict[bytes, ExecutionContext] = {}
    versions: dict[bytes, set[bytes]] = {}
    for execution in sorted(executions, key=lambda each: (each.origin.received_at, each.reference)):
        context = ExecutionContext(execution.target, execution.facts, execution.version)
        for key in (execution.reference, execution.trace, execution.session):
            if key is not None:
                first.setdefault(key, context)
                versions.setdefault(key, set()).add(execution.version)
    return NewContexts(first, versions)


def is_other_version(first: bytes | None, other: bytes) -> bool:
    """Return whether two executions have the same target and prompts, of different versions. None is unknown."""
    return first is not None and first[:HALF] == other[:HALF] and first != other


HALF = 8
