"""To which project and environment a dead letter belongs (pure)."""

import json
from hashlib import sha256
from typing import NamedTuple

from shared.messaging.topics import WRITERS


class Owner(NamedTuple):
    """None where it can't be known."""

    project: str | None
    environment: str | None


class Claim(NamedTuple):
    """What a payload says of its owner: by name, or by an API key (its id, and the hash of its secret)."""

    owner: Owner
    key_id: str | None = None
    secret_hash: str | None = None


OWN_LETTERS = """(project = :project AND (environment IS NULL OR environment = :environment)
                  OR project IS NULL AND CAST(:admin AS boolean))"""
"""SQL: the letters that a key of `:project` and `:environment`, with the scope `admin` or not, may see."""

_NOBODY = Owner(None, None)


def claim_of(topic: str, key: bytes | None, payload: bytes) -> Claim:
    """Read whose message it is.

    Only services write the other topics: they name the project in the payload, and in the key where that can't be read.
    What apps write themselves counts by the API key in it, whatever else it says.
    """
    try:
        fact = json.loads(payload)
    except (ValueError, RecursionError):
        fact = None
    known = fact if isinstance(fact, dict) else {}
    if "apps" in WRITERS.get(topic, ("apps",)):
        return _by_key(known.get("api_key"))
    project = _name(known.get("project"))
    if project is None and key is not None and b"/" in key:
        project = _name(key.partition(b"/")[0].decode("utf-8", "replace"))
    return Claim(Owner(project, _name(known.get("environment"))))


def _by_key(key: object) -> Claim:
    if not isinstance(key, str):
        return Claim(_NOBODY)
    prefix, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    if prefix != "rk" or not key_id or not secret or "\0" in key:
        return Claim(_NOBODY)
    return Claim(_NOBODY, key_id, sha256(secret.encode("utf-8", "replace")).hexdigest())


def _name(value: object) -> str | None:
    good = isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
    return str(value) if good else None
