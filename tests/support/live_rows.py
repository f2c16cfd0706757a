"""A signed live version, without a database."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from gatekeeper.domain.live_version import LiveRow, LiveSignatures, live_event, unsigned_payload
from gatekeeper.domain.signer import Signer
from shared.events.promotion import PromptLive


def live_row(**parts: Any) -> LiveRow:
    """Return sequence 7 of `greeting`, authorised by a decision."""
    values: dict[str, Any] = {
        "project": "acme",
        "environment": "production",
        "name": "greeting",
        "target": "bot",
        "digest": "sha256:" + "0" * 64,
        "sequence": 7,
        "reason": "promoted",
        "decision_id": uuid4(),
        "grant_use_id": None,
        "rollback_id": None,
        "rollout_change_id": None,
        "rollout_decision_id": None,
        "by": "reviewer",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "document": {"messages": []},
        "examples": {"shots": [{"input": "a\nb", "output": "c"}]},
        **parts,
    }
    return LiveRow(**values)


def signed_live(signer: Signer) -> PromptLive:
    """Return the signed event of `live_row()`."""
    row = live_row()
    return live_event(row, LiveSignatures(signer.sign_live(unsigned_payload(row))))
