"""Sets up a project: its people, their keys, and the key that signs. Run with the database owner's credentials."""

import argparse
import asyncio
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gatekeeper.keys.issuing import DEFAULT_KEYS, KeyPlan, NewKey, issue
from gatekeeper.keys.signer import Signer
from gatekeeper.settings import GatekeeperSettings
from ratchet.signing import new_private_key
from shared.events import Envelope, derived_id
from shared.events.promotion import KeyChanged
from shared.messaging.sql_store import SqlStore, SqlTx
from shared.runtime.clock import Clock, SystemClock

_PROJECT = "INSERT INTO gatekeeper.projects (project) VALUES (:project) ON CONFLICT DO NOTHING"
_SIGNER = "INSERT INTO gatekeeper.signing_keys (key_id, public_key) VALUES (:key_id, :public) ON CONFLICT DO NOTHING"
_PERSON = "INSERT INTO gatekeeper.people (project, subject) VALUES (:project, :subject) ON CONFLICT DO NOTHING"
_HAS = """SELECT 1 FROM gatekeeper.api_keys WHERE project = :project AND environment = :environment
          AND subject = :subject AND subject_kind = :kind AND scopes @> CAST(:scopes AS text[]) AND NOT revoked"""
_KEY = """INSERT INTO gatekeeper.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
                                           scopes, revoked)
          VALUES (:key_id, 1, :secret_hash, :subject, :kind, :project, :environment, :scopes, false)"""
_AUDIT = """SELECT gatekeeper.append_audit(:project, 'key.issued', 'owner', CAST(:facts AS jsonb))"""
_ANCHOR = """INSERT INTO gatekeeper.audit_anchors (project, seq, hash, key_id, signature)
             VALUES (:project, :seq, :hash, :key_id, :signature) ON CONFLICT DO NOTHING"""


def signing_key(path: Path) -> str:
    """The private key in `path`; a new one, readable only by its owner, where there is none yet."""
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
    """Makes what is missing, and returns the raw keys made now, by label: nobody can show them again.

    Repeating it changes nothing and returns nothing. `database_url` is the owner's (postgresql+asyncpg://…), on a
    migrated schema. Each new key goes out as a signed `key.changed`.
    """
    db = create_async_engine(database_url, poolclass=NullPool)
    signer = Signer(private_key)
    made: dict[str, str] = {}
    try:
        async with SqlStore(db, "gatekeeper").begin() as tx:
            await tx.conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('ratchet bootstrap'))"))
            await tx.conn.execute(text(_SIGNER), {"key_id": signer.key_id, "public": signer.public})
            await tx.conn.execute(text(_PROJECT), {"project": project})
            for plan in keys:
                where = {"project": project, "environment": environment, "subject": plan.subject}
                if not await _has(tx, plan, where):
                    key = issue()
                    await _store(tx, plan, key, where, signer)
                    await _tell(tx, plan, key, where, signer, clock or SystemClock())
                    made[plan.label] = key.raw
    finally:
        await db.dispose()
    return made


async def _has(tx: SqlTx, plan: KeyPlan, where: dict[str, str]) -> bool:
    values = {**where, "kind": plan.kind, "scopes": list(plan.scopes)}
    return (await tx.conn.execute(text(_HAS), values)).first() is not None


async def _store(tx: SqlTx, plan: KeyPlan, key: NewKey, where: dict[str, str], signer: Signer) -> None:
    if plan.kind == "person":
        await tx.conn.execute(text(_PERSON), {"project": where["project"], "subject": plan.subject})
    values: dict[str, Any] = {
        **where,
        "key_id": key.key_id,
        "secret_hash": key.secret_hash,
        "kind": plan.kind,
        "scopes": list(plan.scopes),
    }
    await tx.conn.execute(text(_KEY), values)
    facts = {"key_id": key.key_id, "environment": where["environment"], "subject": plan.subject, "of": plan.kind}
    await tx.conn.execute(text(_AUDIT), {"project": where["project"], "facts": json.dumps(facts)})
    head = (
        await tx.conn.execute(
            text("SELECT seq, hash FROM gatekeeper.audit_heads WHERE project = :project"), {"project": where["project"]}
        )
    ).one()
    signature = signer.head(where["project"], head.seq, head.hash)
    await tx.conn.execute(
        text(_ANCHOR),
        {
            "project": where["project"],
            "seq": head.seq,
            "hash": head.hash,
            "key_id": signature.key_id,
            "signature": signature.value,
        },
    )


async def _tell(tx: SqlTx, plan: KeyPlan, key: NewKey, where: dict[str, str], signer: Signer, clock: Clock) -> None:
    fields: dict[str, Any] = {
        "project": where["project"],
        "environment": where["environment"],
        "key_id": key.key_id,
        "revision": 1,
        "secret_hash": key.secret_hash,
        "subject": plan.subject,
        "subject_kind": plan.kind,
        "scopes": list(plan.scopes),
        "revoked": False,
    }
    event = KeyChanged(**fields, signature=signer.key(fields))
    event_id = derived_id("key", key.key_id, "1")
    await tx.emit(Envelope(event_id, clock.now(), "ratchet/gatekeeper", event, str(uuid4())))


def main(arguments: Sequence[str]) -> None:
    """`python -m gatekeeper bootstrap`: prints the new keys as JSON, once. Needs the owner's RATCHET_DATABASE_URL."""
    parser = argparse.ArgumentParser(prog="python -m gatekeeper bootstrap", description=__doc__)
    parser.add_argument("--project", default="default")
    parser.add_argument("--environment", default="production")
    options = parser.parse_args(arguments)
    if path := os.environ.get("RATCHET_SIGNING_KEY_FILE"):
        signing_key(Path(path))
    settings = GatekeeperSettings.load()
    made = bootstrap(
        settings.database_url,
        settings.signer().private,
        project=options.project,
        environment=options.environment,
    )
    print(json.dumps(asyncio.run(made), indent=2))
