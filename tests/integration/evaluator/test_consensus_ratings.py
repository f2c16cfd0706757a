"""What people think of executions, as judges are compared with it."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from evaluator.storage.annotation_tables import annotation_outcomes, annotation_queues, annotation_tasks
from evaluator.storage.annotations import ConsensusRating, load_consensus
from tests.support.messaging import NOW


async def add_queue(conn: AsyncConnection, name: str) -> UUID:
    key: dict[str, Any] = {"id": uuid4(), "project": "acme", "environment": "production", "name": name}
    about = {"target": "bot", "instructions": "", "rubric": [], "annotators": 2, "reservation_minutes": 10}
    await conn.execute(insert(annotation_queues).values(**key, **about, created_at=NOW, created_by="ann"))
    return UUID(str(key["id"]))


async def add_outcome(
    conn: AsyncConnection, queue: UUID, execution: str, value: float, annotators: int = 2, **other: str
) -> None:
    task = {"id": uuid4(), "queue_id": queue, "position": len(execution) * 1000 + ord(execution[-1]), "content": {}}
    about = {"digest": execution, "execution_id": execution, "needed": annotators, "added_at": NOW, "added_by": "ann"}
    await conn.execute(insert(annotation_tasks).values(**task, **about))
    row = {"project": "acme", "environment": "production", "metric": "thumb", "task_id": task["id"]} | other
    rating = {"execution_id": execution, "value": value, "annotators": annotators}
    await conn.execute(insert(annotation_outcomes).values(**row, **rating))


async def test_ratings_are_loaded_by_metric_and_execution(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        first, second = await add_queue(conn, "first"), await add_queue(conn, "second")
        await add_outcome(conn, first, "e-2", 1.0)
        await add_outcome(conn, first, "e-1", 1.0, annotators=3)
        await add_outcome(conn, second, "e-1", 0.0, annotators=1)
        await add_outcome(conn, second, "e-3", 0.0, metric="score.facts")
        await add_outcome(conn, second, "e-4", 0.0, environment="staging")
        found = await load_consensus(conn, "acme", "production", "thumb")
        other = await load_consensus(conn, "acme", "production", "score.facts")
    assert found == [ConsensusRating("e-1", 0.75, 4), ConsensusRating("e-2", 1.0, 2)]
    assert [it.execution_id for it in other] == ["e-3"]
