"""Erasure of a user: examples with their texts are revoked and deleted, and live prompts are published without them."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gatekeeper.domain.live_version import LiveKey
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.erasures import list_erased_examples, list_live_with_revoked
from gatekeeper.storage.rollouts import RolloutRepository
from gatekeeper.use_cases.live_publication import publish_live
from gatekeeper.use_cases.rollback import save_without_revoked
from gatekeeper.use_cases.rollouts import emit_superseded, end_revoked_rollouts
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from ratchet.prompt import example_digest
from shared.events.erasure import ErasureRequested
from shared.messaging.message_erasure import MessageErasure

_WITH_EXAMPLES = ("prompt.live", "evaluation.requested")


@dataclass(frozen=True, slots=True)
class ErasedContents:
    """How many examples were erased and open proposals withdrawn."""

    examples: int
    proposals: int


async def erase_subject(unit: UnitOfWork, event: ErasureRequested) -> dict[str, int]:
    """Erase the texts of a user and publish live versions without them; return the counts.

    Raises BoundaryError, for example `unknown-key`. Clients get the new versions by `prompt.live`.
    """
    [erased] = await call_for_rows(
        unit.conn,
        ErasedContents,
        "erase_subject",
        event.erasure_id,
        event.project,
        event.environment,
        event.subject,
        event.by,
        event.key_id,
    )
    published = len(await end_revoked_rollouts(unit, event.project))
    for environment, name, digest in await list_live_with_revoked(unit.conn, event.project):
        rollout = await RolloutRepository(unit.conn).get_open(event.project, environment, name)
        effective = await save_without_revoked(unit, event.project, environment, digest)
        rows = await call_for_rows(unit.conn, LiveKey, "remove_erased", event.erasure_id, environment, name, effective)
        published += len(await publish_live(unit, rows))
        await emit_superseded(unit, rollout)
    superseded = await _erase_messages(unit, event.project)
    await unit.sign_audit_head(event.project)
    return {
        "examples": erased.examples, "proposals": erased.proposals, "live_versions": published,
        "live_messages": superseded,
    }  # fmt: skip


async def _erase_messages(unit: UnitOfWork, project: str) -> int:
    """Remove messages with erased examples: of superseded versions, which have a newer one, and of evaluations."""
    digests = await list_erased_examples(unit.conn, project)
    if not digests:
        return 0
    messages = MessageErasure("gatekeeper")
    rows = await messages.outbox_range(unit.conn)
    return await messages.rewrite_outbox(
        unit.conn,
        rows,
        _WITH_EXAMPLES,
        None,
        lambda _, payload: None if _has_example(payload, project, digests) else payload,
    )


def _has_example(payload: bytes, project: str, digests: Collection[str]) -> bool:
    message: dict[str, Any] = json.loads(payload)
    candidate = (message.get("rollout") or {}).get("examples", {})
    slots = [*message["examples"].values(), *message.get("base_examples", {}).values(), *candidate.values()]
    examples = (example for members in slots for example in members)
    return message["project"] == project and any(example_digest(example) in digests for example in examples)
