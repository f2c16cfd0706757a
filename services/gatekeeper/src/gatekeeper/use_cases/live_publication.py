"""Publish versions that the boundary has made live: sign, store the signature, emit `prompt.live`."""

from collections.abc import Iterable
from typing import Any

from gatekeeper.domain.live_version import LiveKey, LiveSignatures, live_event, unsigned_payload
from gatekeeper.storage.live_versions import LiveVersionRepository
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.events import derived_id
from shared.events.promotion import PromptLive


async def publish_live(unit: UnitOfWork, rows: Iterable[LiveKey]) -> list[PromptLive]:
    """Sign and emit new rows of history in the transaction that inserted them.

    Return the live versions; pass them to `PromotionNotifier.notify` after the commit.
    """
    repository = LiveVersionRepository(unit.conn)
    promoted = []
    for row in rows:
        content = await repository.get_live_row(row)
        payload = unsigned_payload(content)
        arms = None if content.arms is None else unit.signer.sign_arms(payload)
        signatures = LiveSignatures(unit.signer.sign_live(payload), arms)
        await repository.save_signatures(row, signatures)
        live = live_event(content, signatures)
        parts = (live.project, live.environment, live.name, str(live.sequence))
        await unit.emit(live, derived_id("prompt.live", *parts))
        promoted.append(live)
    return promoted


def live_summary(live: PromptLive) -> dict[str, Any]:
    """Return the JSON form of a live version without its documents and examples."""
    parts = {"document", "examples"}
    return live.model_dump(mode="json", exclude={**dict.fromkeys(parts, True), "rollout": parts})
