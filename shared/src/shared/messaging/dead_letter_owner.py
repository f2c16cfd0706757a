"""To which project and environment a dead letter belongs (pure)."""

import hmac
import json
from collections.abc import Callable
from typing import NamedTuple

from ratchet.signing import is_submission, secret_hash
from shared.messaging.topics import WRITERS


class Owner(NamedTuple):
    """None where it can't be known."""

    project: str | None
    environment: str | None


class OwnerClaim(NamedTuple):
    """What a payload says of its owner: by name, or by the API key that signed it, or that it carries."""

    owner: Owner
    key_id: str | None = None
    is_proof: Callable[[str], bool] = lambda _: False
    """Whether the message proves that it comes from whoever has the key; it gets the hash of the key's secret."""


OWN_LETTERS = """(project = :project AND (environment IS NULL OR environment = :environment)
                  OR project IS NULL AND CAST(:admin AS boolean))"""
"""SQL: the letters that a key of `:project` and `:environment`, with the scope `admin` or not, may see."""

_NOBODY = Owner(None, None)
_SIGNED = ("key_id", "submitted_at", "idempotency_key", "body", "signature")


def claim_of(topic: str, key: bytes | None, payload: bytes) -> OwnerClaim:
    """Read whose message it is.

    Only services write the other topics: they name the project in the payload, and in the key where that can't be read.
    What apps write themselves counts by the API key that signed it, whatever else it says.
    """
    try:
        fact = json.loads(payload)
    except (ValueError, RecursionError):
        fact = None
    known = fact if isinstance(fact, dict) else {}
    if "apps" in WRITERS.get(topic, ("apps",)):
        return _by_key(known)
    project = _name(known.get("project"))
    if project is None and key is not None and b"/" in key:
        project = _name(key.partition(b"/")[0].decode("utf-8", "replace"))
    return OwnerClaim(Owner(project, _name(known.get("environment"))))


def _by_key(known: dict[str, object]) -> OwnerClaim:
    """By the signature, or by the key itself in messages of former versions; it is redacted before it is kept."""
    if isinstance(key := known.get("api_key"), str):
        prefix, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != "rk" or not secret:
            return OwnerClaim(_NOBODY)
        return _claim(key_id, lambda expected: hmac.compare_digest(secret_hash(secret), expected))
    key_id, time, once, body, signature = (str(known.get(name) or "") for name in _SIGNED)
    return _claim(key_id, lambda expected: is_submission(expected, key_id, time, once, body, signature))


def _claim(key_id: str, is_proof: Callable[[str], bool]) -> OwnerClaim:
    return OwnerClaim(_NOBODY, key_id, is_proof) if key_id and "\0" not in key_id else OwnerClaim(_NOBODY)


def _name(value: object) -> str | None:
    good = isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
    return str(value) if good else None
