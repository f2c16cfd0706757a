"""The first project's keys: made once, kept in one file, made anew where they were lost."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gatekeeper.bootstrap import bootstrap, signing_key
from gatekeeper.keys.api_keys import KeyPlan
from gatekeeper.keys.signer import Signer
from ratchet_local.data_dir import DataDir

PERSON = "reviewer"
"""Who the console's link is for: also the owner of the reviewer key."""

KEYS = (
    KeyPlan("ingest_key", "app", "service", ("ingest", "read")),
    KeyPlan("maker_key", "maker", "person", ("read", "tune", "ingest")),
    KeyPlan("reviewer_key", PERSON, "person", ("read", "tune", "review", "operate")),
    KeyPlan("admin_key", "admin", "person", ("read", "tune", "review", "operate", "admin")),
)

_GIVE_UP = """UPDATE gatekeeper.api_keys SET revoked = true, revision = revision + 1
              WHERE subject = ANY(:subjects) AND NOT revoked"""


async def ensure_credentials(home: DataDir, owner_url: str, url: str) -> dict[str, str]:
    """What is in the credentials' file.

    Needs a migrated schema. `owner_url` is the database owner's, `url` where the services will answer.
    """
    kept = home.read_credentials()
    private = signing_key(home.signing_key)
    made = await bootstrap(owner_url, private, keys=KEYS)
    lost = [plan.subject for plan in KEYS if plan.label not in kept and plan.label not in made]
    if lost:
        await _give_up(owner_url, lost)
        made |= await bootstrap(owner_url, private, keys=KEYS)
    credentials = {**kept, **made, "url": url, "public_key": Signer(private).public}
    if credentials != kept:
        home.write_credentials(credentials)
    return credentials


async def _give_up(owner_url: str, subjects: list[str]) -> None:
    """A death between issuing keys and writing them down leaves keys that nobody knows."""
    db = create_async_engine(owner_url, poolclass=NullPool)
    try:
        async with db.begin() as conn:
            await conn.execute(text(_GIVE_UP), {"subjects": subjects})
    finally:
        await db.dispose()
