"""One change of what the gatekeeper keeps: a transaction, what it says to the bus, and the seal on its audit."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from gatekeeper.keys.signer import Signer
from shared.events import Envelope
from shared.events.base import Event
from shared.events.promotion import PromptLive
from shared.messaging.store import Tx

_HEAD = text("SELECT seq, hash FROM gatekeeper.audit_heads WHERE project = :project")
_ANCHOR = text(
    """INSERT INTO gatekeeper.audit_anchors (project, seq, hash, key_id, signature)
       VALUES (:project, :seq, :hash, :key_id, :signature) ON CONFLICT DO NOTHING"""
)


@dataclass
class UnitOfWork:
    """Everything that one request, or one event, does. `lives` are the versions that it made live."""

    tx: Tx
    signer: Signer
    now: datetime
    correlation: str
    cause: str | None = None
    traceparent: str | None = None
    lives: list[PromptLive] = field(default_factory=list)

    async def emit(self, event: Event, event_id: UUID) -> None:
        """Says `event` if, and only if, the transaction commits."""
        envelope = Envelope(
            event_id, self.now, "ratchet/gatekeeper", event, self.correlation, self.cause, self.traceparent
        )
        await self.tx.emit(envelope)

    async def seal(self, project: str) -> None:
        """Signs where the project's audit chain ends now. Call it last."""
        head = (await self.tx.conn.execute(_HEAD, {"project": project})).one_or_none()
        if head is None:
            return
        signature = self.signer.head(project, head.seq, head.hash)
        await self.tx.conn.execute(
            _ANCHOR,
            {
                "project": project,
                "seq": head.seq,
                "hash": head.hash,
                "key_id": signature.key_id,
                "signature": signature.value,
            },
        )
