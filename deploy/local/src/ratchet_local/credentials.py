"""API keys of the first project: created once, stored in one file, replaced if lost."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gatekeeper.bootstrap import bootstrap, signing_key
from gatekeeper.domain.api_keys import KeyPlan
from gatekeeper.domain.signer import Signer
from ratchet_local.data_dir import DataDir

PERSON = "reviewer"
"""The person of the sign-in link and of the reviewer key."""

KEYS = (
    KeyPlan("ingest_key", "app", "service", ("ingest", "read")),
    KeyPlan("maker_key", "maker", "person", ("read", "tune", "ingest")),
    KeyPlan("reviewer_key", PERSON, "person", ("read", "tune", "review", "operate")),
    KeyPlan("admin_key", "admin", "person", ("read", "tune", "review", "operate", "admin")),
)

_REVOKE = """UPDATE gatekeeper.api_keys SET revoked = true, revision = revision + 1
              WHERE subject = ANY(:subjects) AND NOT revoked"""


async def ensure_credentials(home: DataDir, owner_url: str, url: str) -> dict[str, str]:
    """Return the credentials, and create those that are missing.

    Needs a migrated schema. `owner_url` is the URL of the database owner, `url` that of the services.
    """
    stored = home.read_credentials()
    private = signing_key(home.signing_key)
    made = await bootstrap(owner_url, private, keys=KEYS)
    lost = [plan.subject for plan in KEYS if plan.label not in stored and plan.label not in made]
    if lost:
        await _revoke_lost(owner_url, lost)
        made |= await bootstrap(owner_url, private, keys=KEYS)
    credentials = {**stored, **made, "url": url, "public_key": Signer(private).public}
    if credentials != stored:
        home.write_credentials(credentials)
    return credentials


async def _revoke_lost(owner_url: str, subjects: list[str]) -> None:
    """Revoke keys that were issued but not stored, because the process ended in between."""
    db = create_async_engine(owner_url, poolclass=NullPool)
    try:
        async with db.begin() as conn:
            await conn.execute(text(_REVOKE), {"subjects": subjects})
    finally:
        await db.dispose()
