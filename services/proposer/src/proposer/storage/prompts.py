"""SQL of prompts: live and observed versions, their contents and measurements."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.acceptance import VersionMeasurement
from proposer.domain.model import PromptKey, PromptState
from proposer.storage.tables import documents, key_columns, key_from_row, matches_key, measurements, prompts
from ratchet.prompt import Prompt, parse
from shared.events.promotion import PromptLive
from shared.events.quality import Measurement, QualityMeasured

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS = "CAST(:project AS text[]), CAST(:environment AS text[]), CAST(:name AS text[])"
_LOCK = text(
    f"""SELECT p.* FROM unnest({_KEYS}) AS wanted (project, environment, name)
       JOIN proposer.prompts p USING (project, environment, name) ORDER BY project, environment, name FOR UPDATE OF p"""
)
_CREATE = text(
    f"""INSERT INTO proposer.prompts (project, environment, name, target)
       SELECT * FROM unnest({_KEYS}, CAST(:target AS text[])) ON CONFLICT DO NOTHING"""
)
_REVOKE = text(
    """INSERT INTO proposer.revoked_examples (project, environment, name, example_digest)
       SELECT project, environment, name, unnest(live_example_digests) FROM proposer.prompts
       WHERE project = :project AND environment = :environment AND name = :name AND live_sequence < :sequence
       EXCEPT SELECT :project, :environment, :name, unnest(CAST(:served AS text[]))
       ON CONFLICT DO NOTHING"""
)
_EXCLUDE_REVOKED = text(
    """UPDATE proposer.candidates c SET is_excluded = true FROM proposer.revoked_examples r
       WHERE c.project = :project AND c.environment = :environment AND c.name = :name
         AND (r.project, r.environment, r.name, r.example_digest)
           = (c.project, c.environment, c.name, c.example_digest)"""
)


class PromptStateRepository:
    """Prompts in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def lock_prompts(self, targets: dict[PromptKey, str]) -> dict[PromptKey, PromptState]:
        """Lock the prompts until the transaction ends and return their states; create missing ones with their target.

        Every decision about a prompt takes this lock first, so two instances never decide at the same time. Blocks
        while another transaction holds one of the locks.
        """
        if not targets:
            return {}
        ordered = sorted(targets)
        columns = {column: [getattr(key, column) for key in ordered] for column in ("project", "environment", "name")}
        locked = (await self._conn.execute(_LOCK, columns)).all()
        if len(locked) < len(targets):
            await self._conn.execute(_CREATE, {**columns, "target": [targets[key] for key in ordered]})
            locked = (await self._conn.execute(_LOCK, columns)).all()
        return {state.key: state for state in map(_state, locked)}

    async def get_state(self, key: PromptKey) -> PromptState | None:
        """Return the state of a prompt without a lock; None if the prompt is unknown."""
        row = (await self._conn.execute(select(prompts).where(matches_key(prompts, key)))).first()
        return _state(row) if row else None

    async def list_in_use(self, project: str, environment: str, target: str | None = None) -> list[str]:
        """Return the names of the prompts (of a target) of which a version is in use."""
        p = prompts.c
        used = func.coalesce(p.live, p.seen).is_not(None)
        mine = select(p.name).where(p.project == project, p.environment == environment, used)
        if target is not None:
            mine = mine.where(p.target == target)
        return list((await self._conn.execute(mine.order_by(p.name))).scalars())

    async def list_of_target(self, project: str, environment: str, target: str) -> list[PromptKey]:
        """Return the prompts of a target of which a version is in use, at most two."""
        names = await self.list_in_use(project, environment, target)
        return [PromptKey(project, environment, name) for name in names[:2]]

    async def save_live(self, event: PromptLive, digests: Sequence[str]) -> bool:
        """Save the live version and the digests of its examples; return False if a higher sequence is saved already."""
        saved = await self._conn.execute(
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
        return saved.first() is not None

    async def revoke_missing(self, event: PromptLive, digests: Sequence[str]) -> None:
        """Exclude for good the examples that were live until now and are not among `digests`: they were revoked."""
        key = key_columns(key_from_row(event))
        await self._conn.execute(_REVOKE, {**key, "served": list(digests), "sequence": event.sequence})
        await self._conn.execute(_EXCLUDE_REVOKED, key)

    async def save_seen(self, key: PromptKey, digest: str, at: datetime) -> None:
        """Save a version that an app reported. The one that was first seen last counts as in use."""
        newer = tuple_(func.coalesce(prompts.c.seen_at, _NEVER), func.coalesce(prompts.c.seen, "")) < tuple_(at, digest)
        mine = update(prompts).where(matches_key(prompts, key), newer)
        await self._conn.execute(mine.values(seen=digest, seen_at=at))

    async def save_document(self, key: PromptKey, prompt: Prompt, at: datetime) -> None:
        """Save the content of a version. A content that is saved already is left unchanged."""
        row = {**key_columns(key), "digest": prompt.digest, "document": prompt.to_dict(), "first_seen": at}
        await self._conn.execute(insert(documents).values(row).on_conflict_do_nothing())

    async def get_documents(self, key: PromptKey, digests: Iterable[str | None]) -> dict[str, Prompt]:
        """Return the known contents among `digests`, by digest."""
        wanted = [digest for digest in set(digests) if digest is not None]
        if not wanted:
            return {}
        mine = matches_key(documents, key), documents.c.digest.in_(wanted)
        found = await self._conn.execute(select(documents.c.digest, documents.c.document).where(*mine))
        return {row.digest: parse(row.document) for row in found}

    async def get_document(self, key: PromptKey, digest: str | None) -> Prompt | None:
        """Return the content with this digest; None if it is unknown."""
        return (await self.get_documents(key, [digest])).get(digest or "")

    async def save_chosen(self, key: PromptKey, chosen: Sequence[UUID], eligible: Sequence[UUID]) -> None:
        """Save the members of the example set and of the one that needs no decision, in order."""
        mine = update(prompts).where(matches_key(prompts, key))
        await self._conn.execute(mine.values(chosen=list(chosen), chosen_eligible=list(eligible)))

    async def save_pool_token(self, key: PromptKey, token: UUID) -> None:
        """Save the token of the pool as it is now."""
        await self._conn.execute(update(prompts).where(matches_key(prompts, key)).values(pool_token=token))

    async def save_measurement(self, event: QualityMeasured) -> None:
        """Save the latest window of one metric of one version."""
        statement = insert(measurements).values(
            project=event.project, environment=event.environment, name=event.prompt, identity=event.identity,
            target=event.target, metric=event.metric, direction=event.direction,
            measurement=event.measurement.model_dump(), window_end=event.window.end,
        )  # fmt: skip
        await self._conn.execute(
            statement.on_conflict_do_update(
                index_elements=["project", "environment", "name", "identity", "target", "metric"],
                set_={"measurement": statement.excluded.measurement, "window_end": statement.excluded.window_end},
                where=measurements.c.window_end < statement.excluded.window_end,
            )
        )

    async def list_measurements(self, state: PromptState) -> list[VersionMeasurement]:
        """Return the latest measurement of each metric of the version in use."""
        found = await self._conn.execute(
            select(measurements).where(
                matches_key(measurements, state.key),
                measurements.c.identity == state.in_use,
                measurements.c.target == state.target,
            )
        )
        return [
            VersionMeasurement(row.metric, row.direction, Measurement.model_validate(row.measurement)) for row in found
        ]


def _state(row: Row[Any]) -> PromptState:
    return PromptState(
        key_from_row(row), row.target, row.live, row.live_sequence,
        row.live_examples, frozenset(row.live_example_digests), row.seen, tuple(row.chosen),
        tuple(row.chosen_eligible), row.pool_token,
    )  # fmt: skip
