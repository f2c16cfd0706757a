"""References: hashes by which services recognise an execution without its id."""

from hashlib import blake2b
from uuid import UUID


def execution_reference(project: str, environment: str, execution_id: str) -> UUID:
    """Return the reference of an execution."""
    parts = "\x1f".join((project, environment, "execution", execution_id))
    return UUID(bytes=blake2b(parts.encode(), digest_size=16).digest())
