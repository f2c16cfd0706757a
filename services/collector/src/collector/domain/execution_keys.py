"""Keys by which feedback about a session finds its root executions, and by which their versions are compared. Pure."""

from collections.abc import Mapping
from typing import Any

from collector.domain.model import key_hash
from collector.domain.schemas import ExecutionBody

HALF = 8
"""Bytes of each part of a version key."""


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
