"""New API keys, `rk_<key id>_<secret>`, and sign-in tokens. Only the SHA-256 of a secret is stored."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from gatekeeper.domain.person_roles import ROLES
from shared.events.promotion import Scope, SubjectKind


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A key to create. `label`: its name in the credentials."""

    label: str
    subject: str
    kind: SubjectKind
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key; `raw` is shown once and never stored."""

    key_id: str
    raw: str
    secret_hash: str


DEFAULT_KEYS = (
    KeyPlan("ingest_key", "app", "service", ("ingest",)),
    KeyPlan("maker_key", "maker", "person", ("read", "tune")),
    KeyPlan("reviewer_key", "reviewer", "person", ("read", "tune", "review", "operate")),
    KeyPlan("admin_key", "admin", "person", ROLES["admin"]),
)
"""The reviewer decides, the admin manages people and keys."""

ALL_ENVIRONMENTS_KEYS = (KeyPlan("all_environments_key", "emergency", "person", ("read", "operate", "review")),)
"""What `bootstrap --environment '*'` creates: a key that halts and resumes the whole project."""


def new_api_key() -> NewKey:
    """Create a key with a secret of 256 random bits."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return NewKey(key_id, f"rk_{key_id}_{secret}", sha256(secret.encode()).hexdigest())


LINK_LIFETIME = timedelta(minutes=30)


def new_sign_in_token() -> str:
    """Create a token of 256 random bits for the fragment of a sign-in link (behind `#`), which browsers don't send."""
    return f"rl_{secrets.token_urlsafe(32)}"
