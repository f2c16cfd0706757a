"""Set up a project: people, API keys and the signing key. Needs the database owner's credentials."""

import argparse
import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gatekeeper.domain.api_keys import (
    ALL_ENVIRONMENTS_KEYS,
    DEFAULT_KEYS,
    LINK_LIFETIME,
    KeyPlan,
    new_api_key,
    new_sign_in_token,
)
from gatekeeper.domain.person_roles import ROLES
from gatekeeper.domain.signer import Signer
from gatekeeper.settings import GatekeeperSettings
from gatekeeper.storage.kill_switch import ALL_ENVIRONMENTS
from gatekeeper.storage.projects import ProjectRepository, SignInLink
from gatekeeper.use_cases.key_changes import emit_key_changed
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from ratchet.signing import new_private_key
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock, SystemClock


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
        repository = ProjectRepository(unit.conn)
        await repository.lock_bootstrap()
        await repository.save_signing_key(unit.signer.key_id, unit.signer.public)
        await repository.save_project(project)
        for plan in keys:
            if not await repository.has_key(project, environment, plan):
                key = new_api_key()
                if plan.kind == "person":
                    await repository.save_person(project, plan.subject)
                await emit_key_changed(unit, [await repository.save_key(project, environment, plan, key)])
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
        repository = ProjectRepository(unit.conn)
        stored = await repository.get_subject(project, subject)
        await repository.save_person(project, stored)
        await repository.save_link(project, environment, SignInLink(stored, ROLES["admin"], token, LINK_LIFETIME))
        await unit.sign_audit_head(project)
    return f"/sign-in#{token}"


async def revoke_keys(database_url: str, private_key: str, subjects: list[str]) -> None:
    """Revoke all keys of these subjects, so that `bootstrap` creates them again: their secrets were lost."""
    async with _as_owner(database_url, private_key, None) as unit:
        await ProjectRepository(unit.conn).revoke_keys(subjects)


@asynccontextmanager
async def _as_owner(database_url: str, private_key: str, clock: Clock | None) -> AsyncIterator[UnitOfWork]:
    db = create_async_engine(database_url, poolclass=NullPool)
    try:
        async with SqlStore(db, "gatekeeper").begin() as tx:
            yield UnitOfWork(tx, Signer(private_key), (clock or SystemClock()).now(), str(uuid4()))
    finally:
        await db.dispose()


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
