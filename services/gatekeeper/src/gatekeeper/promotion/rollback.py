"""Going back: to a version that ran here before, or on without examples that were taken back."""

from sqlalchemy import text

from gatekeeper.boundary import call_function
from gatekeeper.errors import BoundaryError
from gatekeeper.promotion.live_version import previous
from gatekeeper.promotion.repository import list_history, publish_live
from gatekeeper.registry import repository as registry
from gatekeeper.registry.content import version_content, without_revoked_examples
from gatekeeper.transaction import UnitOfWork


async def roll_back(
    change: UnitOfWork, raw: str, where: tuple[str, str, str], to_digest: str | None, reason: str
) -> None:
    """Makes `to_digest`, or the version before the live one, live again. `where`: project, environment, name.

    Raises Refused, for example `nothing-before`, `never-live` or `prompt-not-live`.
    """
    project, environment, name = where
    conn = change.tx.conn
    steps = await list_history(conn, *where)
    if not steps:
        raise BoundaryError("prompt-not-live", "nothing is live under this name")
    target = to_digest or previous(steps)
    if target is None:
        raise BoundaryError("nothing-before", "the live version is the first of its name here")
    effective = await store_without_revoked(change, project, environment, target)
    await publish_live(change, await call_function(conn, "roll_back", raw, name, target, effective, reason))
    await change.seal(project)


async def remove_revoked_examples(change: UnitOfWork, raw: str, project: str, environment: str) -> None:
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
        effective = await store_without_revoked(change, project, environment, row.digest)
        await publish_live(change, await call_function(conn, "cleanse", raw, environment, row.name, effective))


async def store_without_revoked(change: UnitOfWork, project: str, environment: str, digest: str) -> str:
    """Stores the version without its revoked examples; its digest, which is `digest` where there are none."""
    conn = change.tx.conn
    prompt = await registry.get_version(conn, project, digest)
    if prompt is None:
        return digest
    sets = [slot.set for slot in prompt.slots.values() if slot.set is not None]
    gone = await registry.list_revoked_examples(conn, project, environment)
    clean = without_revoked_examples(prompt, await registry.list_set_members(conn, project, sets), gone)
    await registry.save_contents(conn, "example_sets", project, clean.sets)
    await registry.save_contents(conn, "prompt_versions", project, [version_content(clean.prompt)])
    return clean.prompt.digest
