"""Scores that wait to be written to the source of a pull."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from collector.domain.pulls.regression_scores import PullScore

_SAVE = """
    INSERT INTO collector.pull_scores (pull, score_id, body, received_at)
    SELECT $1, id, body::jsonb, $4 FROM unnest($2::text[], $3::text[]) AS given (id, body)
    ON CONFLICT (pull, score_id) DO UPDATE SET body = excluded.body, received_at = excluded.received_at"""
_LIST = "SELECT score_id, body::text FROM collector.pull_scores WHERE pull = $1 ORDER BY received_at, score_id LIMIT $2"
_DELETE = "DELETE FROM collector.pull_scores WHERE pull = $1 AND score_id = $2 AND body = $3::jsonb"
_COUNT = """
    UPDATE collector.pulls SET scores_written = scores_written + $2, scores_refused = scores_refused + $3
    WHERE name = $1"""


class PullScoreRepository:
    """The table `pull_scores`, on an asyncpg connection."""

    def __init__(self, pg: Any) -> None:
        self._pg = pg

    async def save(self, pull: str, scores: Sequence[PullScore], now: datetime) -> None:
        """Store scores to be written; a newer one of the same id replaces the older one."""
        by_id = {score.id: json.dumps(score.body) for score in scores}
        await self._pg.execute(_SAVE, pull, list(by_id), list(by_id.values()), now)

    async def list_waiting(self, pull: str, limit: int) -> list[PullScore]:
        """Return the oldest waiting scores."""
        return [PullScore(score_id, json.loads(body)) for score_id, body in await self._pg.fetch(_LIST, pull, limit)]

    async def finish(self, pull: str, score: PullScore, written: bool) -> None:
        """Count a score that the source has, or has refused for good, and delete it unless a newer one came."""
        async with self._pg.transaction():
            await self._pg.execute(_DELETE, pull, score.id, json.dumps(score.body))
            await self._pg.execute(_COUNT, pull, int(written), int(not written))
