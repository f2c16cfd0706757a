"""To which project and environment a dead letter belongs (pure)."""

import hmac
import json
from collections.abc import Callable
from typing import NamedTuple

from ratchet.signing import is_submission, secret_hash
from shared.messaging.topics import WRITERS


class Owner(NamedTuple):
    """Project and environment of a dead letter; None if unknown."""

    project: str | None
    environment: str | None


class OwnerClaim(NamedTuple):
    """The owner that a message claims: by name, or by the API key that signed it or that it contains."""

    owner: Owner
    key_id: str | None = None
    is_proof: Callable[[str], bool] = lambda _: False
    """Whether the message proves possession of the key, given the hash of the key's secret."""


_NOBODY = Owner(None, None)
_SIGNED = ("key_id", "submitted_at", "idempotency_key", "body", "signature")


def parse_owner_claim(topic: str, key: bytes | None, payload: bytes) -> OwnerClaim:
    """Return the owner that a message claims.

    Services name the project in the payload; if that is unreadable, the message key has it. A message of an app belongs
    to the project of the API key that signed it, regardless of its content.
    """
    try:
        fact = json.loads(payload)
    except (ValueError, RecursionError):
        fact = None
    known = fact if isinstance(fact, dict) else {}
    if "apps" in WRITERS.get(topic, ("apps",)):
        return _by_key(topic, known)
    project = _name(known.get("project"))
    if project is None and key is not None and b"/" in key:
        project = _name(key.partition(b"/")[0].decode("utf-8", "replace"))
    return OwnerClaim(Owner(project, _name(known.get("environment"))))


def _by_key(topic: str, known: dict[str, object]) -> OwnerClaim:
    """Return the claim by signature, or by the API key itself in messages of older versions (redacted when stored)."""
    if isinstance(key := known.get("api_key"), str):
        prefix, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != "rk" or not secret:
            return OwnerClaim(_NOBODY)
        return _claim(key_id, lambda expected: hmac.compare_digest(secret_hash(secret), expected))
    key_id, time, once, body, signature = (str(known.get(name) or "") for name in _SIGNED)
    return _claim(key_id, lambda expected: is_submission(expected, topic, key_id, time, once, body, signature))


def _claim(key_id: str, is_proof: Callable[[str], bool]) -> OwnerClaim:
    return OwnerClaim(_NOBODY, key_id, is_proof) if key_id and "\0" not in key_id else OwnerClaim(_NOBODY)


def _name(value: object) -> str | None:
    good = isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
    return str(value) if good else None
