"""Set up a project: people, API keys and the signing key. Needs the database owner's credentials."""

import argparse
import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gatekeeper.domain.api_keys import (
    ALL_ENVIRONMENTS_KEYS,
    DEFAULT_KEYS,
    LINK_LIFETIME,
    KeyPlan,
    NewKey,
    new_api_key,
    new_sign_in_token,
)
from gatekeeper.domain.person_roles import ROLES
from gatekeeper.domain.signer import Signer
from gatekeeper.settings import GatekeeperSettings
from gatekeeper.storage.kill_switch import ALL_ENVIRONMENTS
from gatekeeper.use_cases.key_changes import emit_key_changed
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from ratchet.signing import new_private_key
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock, SystemClock

_PROJECT = "INSERT INTO gatekeeper.projects (project) VALUES (:project) ON CONFLICT DO NOTHING"
_SIGNER = "INSERT INTO gatekeeper.signing_keys (key_id, public_key) VALUES (:key_id, :public) ON CONFLICT DO NOTHING"
_KNOWN = "SELECT gatekeeper.existing_subject(:project, :subject)"
_PERSON = "INSERT INTO gatekeeper.people (project, subject) VALUES (:project, :subject) ON CONFLICT DO NOTHING"
_HAS = """SELECT 1 FROM gatekeeper.api_keys WHERE project = :project AND environment = :environment
          AND subject = :subject AND subject_kind = :kind AND scopes @> CAST(:scopes AS text[]) AND NOT revoked"""
_KEY = """INSERT INTO gatekeeper.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
                                           scopes, revoked)
          VALUES (:key_id, 1, :secret_hash, :subject, :kind, :project, :environment, :scopes, false) RETURNING *"""
_AUDIT = """SELECT gatekeeper.append_audit(:project, 'key.issued', 'owner', CAST(:facts AS jsonb))"""
_LINK = """SELECT gatekeeper.add_link(:project, :environment, :subject, CAST(:scopes AS text[]), :token,
                                      CAST(:lifetime AS interval), 'owner')"""


def signing_key(path: Path) -> str:
    """Return the private key in the file `path`; if there is none, create it, readable only by its owner."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(new_private_key() + "\n")
    return path.read_text().strip()


async def bootstrap(
    database_url: str,
    private_key: str,
    *,
    project: str = "default",
    environment: str = "production",
    keys: Iterable[KeyPlan] = DEFAULT_KEYS,
    clock: Clock | None = None,
) -> dict[str, str]:
    """Create the project, people and keys that are missing. Return the new raw keys by label; they are shown only now.

    A repeat changes nothing and returns {}. `database_url`: that of the owner (postgresql+asyncpg://…) of a migrated
    schema. Emits a signed `key.changed` for each new key.
    """
    created: dict[str, str] = {}
    async with _as_owner(database_url, private_key, clock) as unit:
        run = unit.conn.execute
        await run(text("SELECT pg_advisory_xact_lock(hashtext('ratchet bootstrap'))"))
        await run(text(_SIGNER), {"key_id": unit.signer.key_id, "public": unit.signer.public})
        await run(text(_PROJECT), {"project": project})
        for plan in keys:
            where = {"project": project, "environment": environment, "subject": plan.subject}
            if not await _has_key(unit, plan, where):
                key = new_api_key()
                await _save_key(unit, plan, key, where)
                created[plan.label] = key.raw
        await unit.sign_audit_head(project)
    return created


async def first_link(
    database_url: str,
    private_key: str,
    subject: str,
    *,
    project: str = "default",
    environment: str = "production",
    clock: Clock | None = None,
) -> str:
    """Create a sign-in link for an admin. Return its path, which works once, for 30 minutes."""
    token = new_sign_in_token()
    async with _as_owner(database_url, private_key, clock) as unit:
        known = await unit.conn.execute(text(_KNOWN), {"project": project, "subject": subject})
        where = {"project": project, "environment": environment, "subject": known.scalar_one()}
        await unit.conn.execute(text(_PERSON), {"project": project, "subject": where["subject"]})
        values = {**where, "scopes": list(ROLES["admin"]), "token": token, "lifetime": LINK_LIFETIME}
        await unit.conn.execute(text(_LINK), values)
        await unit.sign_audit_head(project)
    return f"/sign-in#{token}"


@asynccontextmanager
async def _as_owner(database_url: str, private_key: str, clock: Clock | None) -> AsyncIterator[UnitOfWork]:
    db = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with SqlStore(db, "gatekeeper").begin() as tx:
            yield UnitOfWork(tx, Signer(private_key), (clock or SystemClock()).now(), str(uuid4()))
    finally:
        await db.dispose()


async def _has_key(unit: UnitOfWork, plan: KeyPlan, where: dict[str, str]) -> bool:
    values = {**where, "kind": plan.kind, "scopes": list(plan.scopes)}
    return (await unit.conn.execute(text(_HAS), values)).first() is not None


async def _save_key(unit: UnitOfWork, plan: KeyPlan, key: NewKey, where: dict[str, str]) -> None:
    run = unit.conn.execute
    if plan.kind == "person":
        await run(text(_PERSON), {"project": where["project"], "subject": plan.subject})
    values: dict[str, Any] = {
        **where,
        "key_id": key.key_id,
        "secret_hash": key.secret_hash,
        "kind": plan.kind,
        "scopes": list(plan.scopes),
    }
    await emit_key_changed(unit, (await run(text(_KEY), values)).mappings())
    facts = {"key_id": key.key_id, "environment": where["environment"], "subject": plan.subject, "of": plan.kind}
    await run(text(_AUDIT), {"project": where["project"], "facts": json.dumps(facts)})


def main(arguments: Sequence[str]) -> None:
    """Run `python -m gatekeeper bootstrap`: print the new keys as JSON, once."""
    parser = argparse.ArgumentParser(prog="python -m gatekeeper bootstrap", description=__doc__)
    parser.add_argument("--project", default="default")
    parser.add_argument("--environment", default="production", help="'*': a key that halts the whole project")
    options = parser.parse_args(arguments)
    if path := os.environ.get("RATCHET_SIGNING_KEY_FILE"):
        signing_key(Path(path))
    settings = GatekeeperSettings.load()
    keys = bootstrap(
        settings.database_url,
        settings.signer().private,
        project=options.project,
        environment=options.environment,
        keys=ALL_ENVIRONMENTS_KEYS if options.environment == ALL_ENVIRONMENTS else DEFAULT_KEYS,
    )
    print(json.dumps(asyncio.run(keys), indent=2))
