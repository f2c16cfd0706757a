"""New API keys (pure but for chance): `rk_<key id>_<secret>`, of which only the secret's SHA-256 is kept."""

import secrets
from dataclasses import dataclass
from hashlib import sha256

from gatekeeper.sessions.roles import ROLES
from shared.events.promotion import Scope, SubjectKind


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A key that somebody ought to have. `label` is what the credentials call it."""

    label: str
    subject: str
    kind: SubjectKind
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `raw` is shown once and never stored."""

    key_id: str
    raw: str
    secret_hash: str


DEFAULT_KEYS = (
    KeyPlan("ingest_key", "app", "service", ("ingest",)),
    KeyPlan("maker_key", "maker", "person", ("read", "tune")),
    KeyPlan("reviewer_key", "reviewer", "person", ("read", "tune", "review", "operate")),
    KeyPlan("admin_key", "admin", "person", ROLES["admin"]),
)
"""Who decides is not who manages people and keys: nobody holds both by default."""

ALL_ENVIRONMENTS_KEYS = (KeyPlan("all_environments_key", "emergency", "person", ("read", "operate", "review")),)
"""What `bootstrap --environment '*'` makes: it halts and resumes the whole project, and nothing else."""


def new_api_key() -> NewKey:
    """A key of 256 random bits."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return NewKey(key_id, f"rk_{key_id}_{secret}", sha256(secret.encode()).hexdigest())
