"""Going back: to a version that ran here before, or on without examples that were taken back."""

from sqlalchemy import text

from gatekeeper.change import Change
from gatekeeper.doors import call
from gatekeeper.refusals import Refused
from gatekeeper.registry import store as registry
from gatekeeper.registry.content import cleansed, version_content
from gatekeeper.rollouts.live import previous
from gatekeeper.rollouts.store import announce, history


async def roll_back(change: Change, raw: str, where: tuple[str, str, str], to_digest: str | None, reason: str) -> None:
    """Makes `to_digest`, or the version before the live one, live again. `where`: project, environment, name.

    Raises Refused, for example `nothing-before`, `never-live` or `prompt-not-live`.
    """
    project, environment, name = where
    conn = change.tx.conn
    steps = await history(conn, *where)
    if not steps:
        raise Refused("prompt-not-live", "nothing is live under this name")
    target = to_digest or previous(steps)
    if target is None:
        raise Refused("nothing-before", "the live version is the first of its name here")
    effective = await store_cleansed(change, project, environment, target)
    await announce(change, await call(conn, "roll_back", raw, name, target, effective, reason))
    await change.seal(project)


async def cleanse_all(change: Change, raw: str, project: str, environment: str) -> None:
    """Replace every live version of the environment that serves a revoked example by the same without it."""
    conn = change.tx.conn
    tainted = await conn.execute(
        text(
            """SELECT name, digest FROM gatekeeper.tainted
               WHERE project = :project AND environment = :environment"""
        ),
        {"project": project, "environment": environment},
    )
    for row in tainted.all():
        effective = await store_cleansed(change, project, environment, row.digest)
        await announce(change, await call(conn, "cleanse", raw, environment, row.name, effective))


async def store_cleansed(change: Change, project: str, environment: str, digest: str) -> str:
    """Stores the version without its revoked examples; its digest, which is `digest` where there are none."""
    conn = change.tx.conn
    prompt = await registry.version(conn, project, digest)
    if prompt is None:
        return digest
    sets = [slot.set for slot in prompt.slots.values() if slot.set is not None]
    gone = await registry.revoked(conn, project, environment)
    clean = cleansed(prompt, await registry.members(conn, project, sets), gone)
    await registry.put(conn, "example_sets", project, clean.sets)
    await registry.put(conn, "prompt_versions", project, [version_content(clean.prompt)])
    return clean.prompt.digest
