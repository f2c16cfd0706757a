"""Publish versions that the boundary has made live: sign, store the signature, emit `prompt.live`."""

from collections.abc import Iterable
from typing import Any

from gatekeeper.domain.live_version import LiveKey, live_event, unsigned_payload
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
        signature = unit.signer.sign_live(unsigned_payload(content))
        await repository.save_signature(row, signature)
        live = live_event(content, signature)
        parts = (live.project, live.environment, live.name, str(live.sequence))
        await unit.emit(live, derived_id("prompt.live", *parts))
        promoted.append(live)
    return promoted


def live_summary(live: PromptLive) -> dict[str, Any]:
    """Return the JSON form of a live version without its document and examples."""
    return live.model_dump(mode="json", exclude={"document", "examples"})
