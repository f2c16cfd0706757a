"""API keys of the first project: created once, stored in one file, replaced if lost."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

from gatekeeper.bootstrap import bootstrap, revoke_keys, signing_key
from gatekeeper.domain.api_keys import KeyPlan
from gatekeeper.domain.signer import Signer
from ratchet_local.data_dir import DataDir
from shared.auth.keys import KeyStore

_COPY_DEADLINE_S = 10.0
_PAUSE_S = 0.02
PERSON = "reviewer"
"""The person of the sign-in link and of the reviewer key."""

KEYS = (
    KeyPlan("ingest_key", "app", "service", ("ingest", "read", "evaluate")),
    KeyPlan("maker_key", "maker", "person", ("read", "tune", "ingest")),
    KeyPlan("reviewer_key", PERSON, "person", ("read", "tune", "review", "operate")),
    KeyPlan("admin_key", "admin", "person", ("read", "tune", "review", "operate", "admin")),
)


async def ensure_credentials(home: DataDir, owner_url: str, url: str) -> dict[str, str]:
    """Return the credentials, and create those that are missing.

    Needs a migrated schema. `owner_url` is the URL of the database owner, `url` that of the services.
    """
    stored = home.read_credentials()
    private = signing_key(home.signing_key)
    made = await bootstrap(owner_url, private, keys=KEYS)
    lost = [plan.subject for plan in KEYS if plan.label not in stored and plan.label not in made]
    if lost:
        # Issued, but not stored: the process ended in between.
        await revoke_keys(owner_url, private, lost)
        made |= await bootstrap(owner_url, private, keys=KEYS)
    credentials = {**stored, **made, "url": url, "public_key": Signer(private).public}
    if credentials != stored:
        home.write_credentials(credentials)
    return credentials


async def wait_for_copies(stores: Iterable[KeyStore], credentials: Mapping[str, str]) -> None:
    """Wait until every service knows the keys of `credentials`, at most 10 s: until then it would refuse them."""
    keys = {raw.split("_")[1] for raw in credentials.values() if raw.startswith("rk_")}
    with suppress(TimeoutError):
        async with asyncio.timeout(_COPY_DEADLINE_S):
            for store in stores:
                while not await store.has_copies(keys):  # noqa: ASYNC110  # a consumer of the service stores them
                    await asyncio.sleep(_PAUSE_S)
