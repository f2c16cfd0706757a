"""Rollback to an earlier version, and removal of revoked examples from live versions."""

from gatekeeper.domain.content import version_content, without_revoked_examples
from gatekeeper.domain.errors import BoundaryError
from gatekeeper.domain.live_version import LiveKey, previous_digest
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.contents import ContentRepository
from gatekeeper.storage.live_versions import LiveVersionRepository
from gatekeeper.storage.rollouts import RolloutRepository
from gatekeeper.use_cases.live_publication import publish_live
from gatekeeper.use_cases.rollouts import SteerRequest, emit_superseded, end_revoked_rollouts, steer_rollout
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.auth.principal import Principal
from shared.events.promotion import PromptLive


async def roll_back(
    unit: UnitOfWork, key: str, principal: Principal, name: str, to_digest: str | None, reason: str
) -> PromptLive:
    """Make `to_digest`, or the version before the live one, live again. `key`: the principal's API key.

    During a rollout, the version before and the base are the same: all get the base again, and the rollout ends.

    Raises BoundaryError, for example `nothing-before`, `never-live` or `prompt-not-live`.
    """
    project, environment = principal.project, principal.environment
    rollout = await RolloutRepository(unit.conn).get_open(project, environment, name)
    if rollout is not None and to_digest in (None, rollout.base_digest):
        [live] = await steer_rollout(unit, rollout, SteerRequest(key, rollout.id, "rolled_back", reason))
        return live
    history = await LiveVersionRepository(unit.conn).list_history(project, environment, name)
    if not history:
        raise BoundaryError("prompt-not-live", "nothing is live under this name")
    target = to_digest or previous_digest(history)
    if target is None:
        raise BoundaryError("nothing-before", "the live version is the first of its name here")
    effective = await save_without_revoked(unit, project, environment, target)
    rows = await call_for_rows(unit.conn, LiveKey, "roll_back", key, name, target, effective, reason)
    [live] = await publish_live(unit, rows)
    await emit_superseded(unit, rollout)
    await unit.sign_audit_head(project)
    return live


async def remove_revoked_examples(unit: UnitOfWork, key: str, principal: Principal) -> list[PromptLive]:
    """Replace each live version of the environment that serves a revoked example by the same version without it.

    Rollouts of candidates with it end. Return the new live versions. `key`: the principal's API key.
    """
    project, environment = principal.project, principal.environment
    promoted = await end_revoked_rollouts(unit, project)
    for name, digest in await LiveVersionRepository(unit.conn).list_live_with_revoked(project, environment):
        rollout = await RolloutRepository(unit.conn).get_open(project, environment, name)
        effective = await save_without_revoked(unit, project, environment, digest)
        rows = await call_for_rows(unit.conn, LiveKey, "remove_revoked", key, environment, name, effective)
        promoted += await publish_live(unit, rows)
        await emit_superseded(unit, rollout)
    return promoted


async def save_without_revoked(unit: UnitOfWork, project: str, environment: str, digest: str) -> str:
    """Store the version without its revoked examples. Return its digest: `digest` if it has none."""
    repository = ContentRepository(unit.conn)
    prompt = await repository.get_prompt(project, digest)
    if prompt is None:
        return digest
    sets = [slot.set for slot in prompt.slots.values() if slot.set is not None]
    revoked = await repository.list_revoked_examples(project, environment)
    clean = without_revoked_examples(prompt, await repository.list_set_members(project, sets), revoked)
    await repository.save_example_sets(project, clean.sets)
    await repository.save_versions(project, [version_content(clean.prompt)])
    return clean.prompt.digest
