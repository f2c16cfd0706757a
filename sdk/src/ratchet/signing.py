"""Signatures of prompts, keys and submissions: Ed25519 (RFC 8032) over RFC 8785 JSON, and HMAC-SHA256.

Each signed form contains its own name and version. Keys and signatures are base64url without padding:
32 bytes of private seed, 32 of public key, 64 of signature.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ratchet.prompt.canonical import digest_of, normal, normal_bytes
from ratchet.prompt.errors import PromptError

_LIVE_FIELDS = ("project", "environment", "name", "target", "digest", "sequence", "reason", "authorisation")
_ARM_FIELDS = ("rollout_id", "plan_digest", "weight", "salt", "unit", "digest")
_KEY_FIELDS = (
    "project",
    "environment",
    "key_id",
    "revision",
    "secret_hash",
    "subject",
    "subject_kind",
    "revoked",
)


def live_bytes(live: Mapping[str, object]) -> bytes:
    """Return the signed bytes of a `prompt.live`, which contain the document and the examples by their digests.

    `live` is its JSON form (ids as text). Raises KeyError for a missing field, PromptError for a non-JSON value.
    """
    examples = live["examples"]
    signed = {"schema": "ratchet.live/1", "examples_digest": examples_digest(examples)}
    return _canonical(signed, live, _LIVE_FIELDS)


def arms_bytes(live: Mapping[str, object]) -> bytes:
    """Return the signed bytes of the `rollout` of a `prompt.live`, which bind the live version that it belongs to.

    `live` is its JSON form. Raises KeyError for a missing field, TypeError without a rollout, PromptError for a
    non-JSON value.
    """
    arms = live["rollout"]
    if not isinstance(arms, Mapping):
        raise TypeError("rollout must be an object")
    candidate = {f"candidate_{name}": arms[name] for name in _ARM_FIELDS}
    signed = {"schema": "ratchet.live-rollout/1", "candidate_examples_digest": examples_digest(arms["examples"])}
    return _canonical({**signed, **candidate}, live, ("project", "environment", "name", "digest", "sequence"))


def examples_digest(examples: object) -> str:
    """Return the digest of all served example sets: `{slot: [{"input", "output"}, …]}`. Raises PromptError."""
    return digest_of(normal_bytes(examples, "examples"))


def key_bytes(key: Mapping[str, object]) -> bytes:
    """Return the signed bytes of a `key.changed`, scopes and origins sorted. `key` is its JSON form.

    `expires_at` and `origins` are included only where they are set, so that signatures made before they existed stay
    valid. Raises KeyError for a missing field, PromptError for a non-JSON value.
    """
    signed: dict[str, object] = {"schema": "ratchet.key/1", "scopes": _sorted_texts(key["scopes"], "scopes")}
    if origins := _sorted_texts(key.get("origins", []), "origins"):
        signed["origins"] = origins
    fields = _KEY_FIELDS if key.get("expires_at") is None else (*_KEY_FIELDS, "expires_at")
    return _canonical(signed, key, fields)


def _sorted_texts(value: object, field: str) -> list[str]:
    texts = normal(value, field)
    if not isinstance(texts, list):
        raise PromptError(field, "must be a list")
    return sorted(map(str, texts))


def secret_hash(secret: str) -> str:
    """Return the hexadecimal SHA-256 of an API key's secret: what the server stores of it."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def submission_signature(
    hashed_secret: str, topic: str, key_id: str, submitted_at: str, idempotency_key: str | None, body: str
) -> str:
    """Return the signature of a submission to a topic by an API key: hexadecimal HMAC-SHA256, keyed by `secret_hash`.

    `submitted_at` is signed as text. Raises ValueError where `hashed_secret` is not hexadecimal or a text can't be
    encoded in UTF-8.
    """
    parts = ("ratchet.submission/2", topic, key_id, submitted_at, idempotency_key or "")
    message = b"".join(b"%d:%b," % (len(part), part) for part in (text.encode() for text in (*parts, body)))
    return hmac.new(bytes.fromhex(hashed_secret), message, hashlib.sha256).hexdigest()


def is_submission(
    hashed_secret: str,
    topic: str,
    key_id: str,
    submitted_at: str,
    idempotency_key: str | None,
    body: str,
    signature: str,
) -> bool:
    """Tell whether `signature` is the `submission_signature` of the rest. False for texts that can't be encoded."""
    try:
        wanted = submission_signature(hashed_secret, topic, key_id, submitted_at, idempotency_key, body)
        return hmac.compare_digest(wanted.encode(), signature.encode())
    except ValueError:  # lone surrogates
        return False


def new_private_key() -> str:
    """Return a new private key."""
    return _encode(Ed25519PrivateKey.generate().private_bytes_raw())


def public_key(private: str) -> str:
    """Return the public key of a private one. Raises ValueError for a malformed key."""
    return _encode(_private(private).public_key().public_bytes_raw())


def key_id(public: str) -> str:
    """Return the id of a public key: the first 16 hexadecimal digits of its SHA-256. Raises ValueError."""
    return hashlib.sha256(_decode(public)).hexdigest()[:16]


def sign(private: str, message: bytes) -> str:
    """Return the signature of `message`. Raises ValueError for a malformed private key."""
    return _encode(_private(private).sign(message))


def verify(public: str, message: bytes, signature: str) -> bool:
    """Tell whether the owner of `public` signed exactly `message`. False for a malformed key or signature."""
    try:
        Ed25519PublicKey.from_public_bytes(_decode(public)).verify(_decode(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _canonical(signed: Mapping[str, object], values: Mapping[str, object], fields: Iterable[str]) -> bytes:
    return normal_bytes({**signed, **{field: values[field] for field in fields}}, "payload")


def _private(private: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_decode(private))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
