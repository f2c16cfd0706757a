"""All SQL of prompts: what is live or seen, what it says, how it does. Each function joins the caller's transaction."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from proposer.domain.acceptance import Measured
from proposer.domain.model import PromptKey, PromptState
from proposer.storage.keys import key_columns, key_from_row, matches_key
from proposer.storage.tables import documents, measurements, prompts
from ratchet.prompt import Prompt, parse
from shared.events.promotion import PromptLive
from shared.events.quality import Measurement, QualityMeasured
from shared.messaging.store import Tx

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_REVOKE = text(
    """INSERT INTO proposer.revoked_examples (project, environment, name, example_digest)
       SELECT project, environment, name, unnest(live_example_digests) FROM proposer.prompts
       WHERE project = :project AND environment = :environment AND name = :name AND live_sequence < :sequence
       EXCEPT SELECT :project, :environment, :name, unnest(CAST(:served AS text[]))
       ON CONFLICT DO NOTHING"""
)
_BAR_REVOKED = text(
    """UPDATE proposer.candidates c SET barred = true FROM proposer.revoked_examples r
       WHERE c.project = :project AND c.environment = :environment AND c.name = :name
         AND (r.project, r.environment, r.name, r.example_digest)
           = (c.project, c.environment, c.name, c.example_digest)"""
)


async def lock_prompts(tx: Tx, targets: dict[PromptKey, str]) -> dict[PromptKey, PromptState]:
    """The state of these prompts, locked until the transaction ends; new ones are made with their target.

    Everything that decides about a prompt takes its lock first: two instances never decide at the same time.
    """
    if not targets:
        return {}
    rows = [{**key_columns(key), "target": targets[key]} for key in sorted(targets)]
    await tx.conn.execute(insert(prompts).values(rows).on_conflict_do_nothing())
    mine = tuple_(prompts.c.project, prompts.c.environment, prompts.c.name).in_(
        [(key.project, key.environment, key.name) for key in targets]
    )
    ordered = prompts.c.project, prompts.c.environment, prompts.c.name
    locked = await tx.conn.execute(select(prompts).where(mine).order_by(*ordered).with_for_update())
    return {state.key: state for state in map(_state, locked)}


async def save_live(tx: Tx, event: PromptLive, digests: Sequence[str]) -> bool:
    """Notes what is served now; False if something of a higher sequence was known already."""
    done = await tx.conn.execute(
        update(prompts)
        .where(matches_key(prompts, key_from_row(event)), prompts.c.live_sequence < event.sequence)
        .values(
            live=event.digest,
            live_sequence=event.sequence,
            live_examples={slot: len(examples) for slot, examples in event.examples.items()},
            live_example_digests=list(digests),
            target=event.target,
        )
        .returning(prompts.c.name)
    )
    return done.first() is not None


async def revoke_missing(tx: Tx, event: PromptLive, digests: Sequence[str]) -> None:
    """Bars the examples that were served until now and are not any more, for good: somebody took them back."""
    await tx.conn.execute(
        _REVOKE, {**key_columns(key_from_row(event)), "served": list(digests), "sequence": event.sequence}
    )
    await tx.conn.execute(_BAR_REVOKED, key_columns(key_from_row(event)))


async def save_seen(tx: Tx, key: PromptKey, digest: str, at: datetime) -> None:
    """Notes a version that an app reported; the one that appeared last is taken to be in use."""
    newer = tuple_(func.coalesce(prompts.c.seen_at, _NEVER), func.coalesce(prompts.c.seen, "")) < tuple_(at, digest)
    await tx.conn.execute(update(prompts).where(matches_key(prompts, key), newer).values(seen=digest, seen_at=at))


async def save_document(tx: Tx, key: PromptKey, prompt: Prompt, at: datetime) -> None:
    """Keeps the content of a version. Content has one digest, so a second time changes nothing."""
    row = {**key_columns(key), "digest": prompt.digest, "document": prompt.to_dict(), "first_seen": at}
    await tx.conn.execute(insert(documents).values(row).on_conflict_do_nothing())


async def load_documents(tx: Tx, key: PromptKey, digests: Iterable[str | None]) -> dict[str, Prompt]:
    """The known contents among `digests`."""
    wanted = [digest for digest in set(digests) if digest is not None]
    if not wanted:
        return {}
    found = await tx.conn.execute(
        select(documents.c.digest, documents.c.document).where(
            matches_key(documents, key), documents.c.digest.in_(wanted)
        )
    )
    return {row.digest: parse(row.document) for row in found}


async def save_chosen(tx: Tx, key: PromptKey, chosen: Sequence[UUID]) -> None:
    """Notes the feedbacks of the example set."""
    await tx.conn.execute(update(prompts).where(matches_key(prompts, key)).values(chosen=list(chosen)))


async def save_measurement(tx: Tx, event: QualityMeasured) -> None:
    """Keeps the last window of one metric of one prompt version."""
    kept = insert(measurements).values(
        project=event.project, environment=event.environment, name=event.prompt, identity=event.identity,
        target=event.target, metric=event.metric, direction=event.direction,
        measurement=event.measurement.model_dump(), window_end=event.window.end,
    )  # fmt: skip
    await tx.conn.execute(
        kept.on_conflict_do_update(
            index_elements=["project", "environment", "name", "identity", "target", "metric"],
            set_={"measurement": kept.excluded.measurement, "window_end": kept.excluded.window_end},
            where=measurements.c.window_end < kept.excluded.window_end,
        )
    )


async def load_measured(tx: Tx, state: PromptState) -> list[Measured]:
    """How the version in use does, by metric."""
    found = await tx.conn.execute(
        select(measurements).where(
            matches_key(measurements, state.key),
            measurements.c.identity == state.in_use,
            measurements.c.target == state.target,
        )
    )
    return [Measured(row.metric, row.direction, Measurement.model_validate(row.measurement)) for row in found]


def _state(row: Row[Any]) -> PromptState:
    return PromptState(
        key_from_row(row), row.target, row.live, row.live_sequence,
        row.live_examples, frozenset(row.live_example_digests), row.seen, tuple(row.chosen),
    )  # fmt: skip
