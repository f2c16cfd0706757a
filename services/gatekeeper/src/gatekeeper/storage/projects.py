"""Set up projects, people, keys and sign-in links with the rights of the database's owner."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.api_keys import KeyPlan, NewKey
from gatekeeper.domain.model import ApiKey

_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('ratchet bootstrap'))")
_SIGNING_KEY = text(
    "INSERT INTO gatekeeper.signing_keys (key_id, public_key) VALUES (:key_id, :public) ON CONFLICT DO NOTHING"
)
_PROJECT = text("INSERT INTO gatekeeper.projects (project) VALUES (:project) ON CONFLICT DO NOTHING")
_SUBJECT = text("SELECT gatekeeper.existing_subject(:project, :subject)")
_PERSON = text("INSERT INTO gatekeeper.people (project, subject) VALUES (:project, :subject) ON CONFLICT DO NOTHING")
_HAS_KEY = text(
    """SELECT 1 FROM gatekeeper.api_keys WHERE project = :project AND environment = :environment
       AND subject = :subject AND subject_kind = :kind AND scopes @> CAST(:scopes AS text[]) AND NOT revoked"""
)
_KEY = text(
    """INSERT INTO gatekeeper.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
                                        scopes, revoked)
       VALUES (:key_id, 1, :secret_hash, :subject, :kind, :project, :environment, :scopes, false)
       RETURNING project, environment, key_id, revision, secret_hash, subject, subject_kind, scopes, revoked,
                 expires_at, origins"""
)
_AUDIT = text("SELECT gatekeeper.append_audit(:project, 'key.issued', 'owner', CAST(:facts AS jsonb))")
_LINK = text(
    """SELECT gatekeeper.add_link(:project, :environment, :subject, CAST(:scopes AS text[]), :token,
                                  CAST(:lifetime AS interval), 'owner')"""
)
_REVOKE = text(
    """UPDATE gatekeeper.api_keys SET revoked = true, revision = revision + 1
       WHERE subject = ANY(:subjects) AND NOT revoked"""
)


@dataclass(frozen=True, slots=True)
class SignInLink:
    """A sign-in link to create."""

    subject: str
    scopes: tuple[str, ...]
    token: str
    lifetime: timedelta


class ProjectRepository:
    """Projects in the transaction of `conn`, which needs the rights of the owner."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def lock_bootstrap(self) -> None:
        """Wait for other bootstraps, and keep them waiting until the transaction ends."""
        await self._conn.execute(_LOCK)

    async def save_signing_key(self, key_id: str, public: str) -> None:
        """Store a public signing key, unless it is stored."""
        await self._conn.execute(_SIGNING_KEY, {"key_id": key_id, "public": public})

    async def save_project(self, project: str) -> None:
        """Store a project, unless it is stored."""
        await self._conn.execute(_PROJECT, {"project": project})

    async def get_subject(self, project: str, subject: str) -> str:
        """Return the subject as it is stored for a person of this name; `subject` itself if there is none."""
        found = await self._conn.execute(_SUBJECT, {"project": project, "subject": subject})
        return str(found.scalar_one())

    async def save_person(self, project: str, subject: str) -> None:
        """Store a person, unless they are stored."""
        await self._conn.execute(_PERSON, {"project": project, "subject": subject})

    async def has_key(self, project: str, environment: str, plan: KeyPlan) -> bool:
        """Return whether the subject of `plan` has a valid key with its scopes."""
        values = _key_values(project, environment, plan)
        return (await self._conn.execute(_HAS_KEY, values)).first() is not None

    async def save_key(self, project: str, environment: str, plan: KeyPlan, key: NewKey) -> ApiKey:
        """Store a key with its audit entry. Return it."""
        values = {**_key_values(project, environment, plan), "key_id": key.key_id, "secret_hash": key.secret_hash}
        row = (await self._conn.execute(_KEY, values)).mappings().one()
        facts = {"key_id": key.key_id, "environment": environment, "subject": plan.subject, "of": plan.kind}
        await self._conn.execute(_AUDIT, {"project": project, "facts": json.dumps(facts)})
        return ApiKey(**row)

    async def save_link(self, project: str, environment: str, link: SignInLink) -> None:
        """Store a sign-in link with its audit entry."""
        values = {"subject": link.subject, "scopes": list(link.scopes), "token": link.token, "lifetime": link.lifetime}
        await self._conn.execute(_LINK, {"project": project, "environment": environment, **values})

    async def revoke_keys(self, subjects: list[str]) -> None:
        """Revoke all valid keys of these subjects, without an event or an audit entry."""
        await self._conn.execute(_REVOKE, {"subjects": subjects})


def _key_values(project: str, environment: str, plan: KeyPlan) -> dict[str, Any]:
    return {
        "project": project,
        "environment": environment,
        "subject": plan.subject,
        "kind": plan.kind,
        "scopes": list(plan.scopes),
    }
