"""Response times of the next annotation task in a queue with 100,000 tasks.

`python -m benchmarks.annotation [--tasks 100000] [--rounds 200]`: requests go through the evaluator's ASGI app without
a socket, to a PostgreSQL that waits for its disk. Each kind has a queue of its own, whose tasks need three people, in
the state that its name says. A round reserves a task and answers it; only the reservation is measured. The limit is
50 ms for 95 % of them. The last kind is ten people who think for a second before each task.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from evaluator.app import build_app
from evaluator.settings import EvaluatorSettings
from ratchet_local.postgres import SMALL, Postgres
from shared.auth.principal import hash_secret
from shared.runtime.migrations import migrate
from tests.support.databases import as_role, psql

LIMIT_MS = 50.0
_SECRET = "s" * 43
_PEOPLE = 10
_THINK_S = 1.0
_RUBRIC = [{"name": "good", "kind": "thumb", "title": "Is it good?", "metric": "thumb"}]
_TASKS = """INSERT INTO evaluator.annotation_tasks
    (id, queue_id, position, digest, execution_id, content, needed, taken, added_at, added_by)
  SELECT gen_random_uuid(), q.id, n, 'sha256:' || n, 'e-' || n,
    jsonb_build_object('input', repeat('question ', 20), 'output', repeat('answer ', 60), 'contexts', '[]'::jsonb,
                       'consent', NULL), 3, {taken}, now(), 'bench'
  FROM evaluator.annotation_queues q, generate_series(1, {tasks}) n WHERE q.name = '{name}';
  UPDATE evaluator.annotation_queues SET last_position = {tasks} WHERE name = '{name}'"""
_DONE = """INSERT INTO evaluator.annotations
    (task_id, annotator, queue_id, state, token, reserved_at, expires_at, ended_at, answers)
  SELECT t.id, 'person-0', t.queue_id, '{state}', gen_random_uuid(), now(), now(), now(), {answers}
  FROM evaluator.annotation_tasks t JOIN evaluator.annotation_queues q ON q.id = t.queue_id
  WHERE q.name = '{name}' AND t.position <= {until};
  INSERT INTO evaluator.annotation_progress (queue_id, annotator, position)
  SELECT id, 'person-0', {position} FROM evaluator.annotation_queues WHERE name = '{name}'"""
_THUMB = """'{"good": true}'::jsonb"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=200)
    add_rows_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        postgres = Postgres(Path(name) / "postgres", Path(name) / "postgres.log", SMALL)
        postgres.start()
        try:
            asyncio.run(migrate("evaluator", postgres.dsn().replace("postgresql:", "postgresql+asyncpg:")))
            rows = asyncio.run(measure(postgres.dsn(), options.tasks, options.rounds))
        finally:
            postgres.stop()
    write_rows(options.rows, rows)


async def measure(dsn: str, tasks: int, rounds: int) -> list[Row]:
    """Print a line for each kind, and return its row."""
    for number in range(_PEOPLE):
        _add_key(dsn, f"person-{number}")
    settings = EvaluatorSettings(
        database_url=as_role(dsn, "ratchet_evaluator"), kafka_bootstrap="127.0.0.1:9", rate_limit_key=0
    )
    app = build_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://evaluator") as client:
        kinds = {
            "new": await _fill(client, dsn, "new", tasks),
            "half-done": await _fill(client, dsn, "half-done", tasks, done=tasks // 2),
            "all-done": await _fill(client, dsn, "all-done", tasks, done=tasks),
            "skipped": await _fill(client, dsn, "skipped", tasks, done=tasks // 20, skipped=True),
        }
        psql(dsn, "ANALYZE")
        rows = [_row(name, tasks, await _time_person(client, path, rounds)) for name, path in kinds.items()]
        crowd = [_time_person(client, kinds["new"], rounds // 5, f"person-{n}", _THINK_S) for n in range(_PEOPLE)]
        found = [each for times in await asyncio.gather(*crowd) for each in times]
        return [*rows, _row(f"{_PEOPLE} people at once", tasks, found)]


async def _fill(
    client: httpx.AsyncClient, dsn: str, name: str, tasks: int, done: int = 0, skipped: bool = False
) -> str:
    """Create a queue of which `person-0` has done the first tasks, or skipped them."""
    path = f"/v1/annotation-queues/{name}"
    body = {"target": "bot", "rubric": _RUBRIC, "annotators": 3}
    (await client.put(path, json=body, headers=_key("person-0"))).raise_for_status()
    taken = f"(n <= {done} AND {not skipped})::int"
    psql(dsn, _TASKS.format(name=name, tasks=tasks, taken=taken))
    if done:
        state, answers, position = ("skipped", "NULL", 0) if skipped else ("submitted", _THUMB, done)
        psql(dsn, _DONE.format(name=name, until=done, state=state, answers=answers, position=position))
    return path


async def _time_person(
    client: httpx.AsyncClient, path: str, rounds: int, person: str = "person-0", think_s: float = 0.0
) -> list[float]:
    """Return the milliseconds of each reservation; the person thinks before each."""
    times: list[float] = []
    for _ in range(rounds):
        await asyncio.sleep(think_s)
        began = time.perf_counter()
        answer = await client.post(f"{path}/next", headers=_key(person))
        times.append((time.perf_counter() - began) * 1000)
        task: Mapping[str, Any] | None = answer.raise_for_status().json()["task"]
        if task is not None:
            body = {"token": task["token"], "answers": {"good": True}}
            submitted = await client.post(f"{path}/tasks/{task['id']}/annotations", json=body, headers=_key(person))
            submitted.raise_for_status()
    return times


def _row(name: str, tasks: int, times: list[float]) -> Row:
    ordered = sorted(times)
    p50, p95 = ordered[len(ordered) // 2], ordered[int(0.95 * (len(ordered) - 1))]
    print(f"{name:<30}p50 {p50:>6.1f} ms   p95 {p95:>6.1f} ms   most {ordered[-1]:>6.1f} ms", flush=True)
    return Row(f"annotation: next task, {name}, p95 with {tasks:,}", "ms", p95, "low", limit=LIMIT_MS)


def _key(person: str) -> dict[str, str]:
    return {"authorization": f"Bearer rk_{person}_{_SECRET}"}


def _add_key(dsn: str, person: str) -> None:
    psql(
        dsn,
        f"""INSERT INTO evaluator.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
                                        scopes, revoked)
            VALUES ('{person}', 1, '{hash_secret(_SECRET)}', '{person}', 'person', 'acme', 'production',
                    '{{read,tune}}', false)""",
    )


if __name__ == "__main__":
    exit_on_sigterm()
    main()
