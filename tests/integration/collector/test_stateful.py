"""Any sequence of posts, retries, crashes and executions on two instances: each accepted feedback is emitted once."""

import asyncio
import contextlib
import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from collector.storage.connections import DedicatedConnection
from shared.errors import Retryable
from shared.testing.clock import FakeClock
from tests.support.databases import psql

TABLES = "receipts, executions, current_feedback, waiting, outbox"
EXECUTIONS = st.sampled_from(["e0", "e1", "e2"])
USERS = st.sampled_from(["ann", "bob", None])
INSTANCES = st.integers(0, 1)
BODIES = st.builds(
    lambda execution, user, value: (
        {"execution_id": execution, "kind": "thumb", "value": value} | ({"user": user} if user else {})
    ),
    EXECUTIONS,
    USERS,
    st.booleans(),
)


class Fragile:
    """Makes an instance's next group fail `before` its commit, or `after` it without reporting the result."""

    def __init__(self, lines: Iterable[DedicatedConnection]) -> None:
        self.fails: str | None = None
        for line in lines:
            line.session = partial(self._session, line.session)  # type: ignore[method-assign]

    @contextlib.asynccontextmanager
    async def _session(self, session: Callable[[], contextlib.AbstractAsyncContextManager[Any]]) -> AsyncIterator[Any]:
        fails, self.fails = self.fails, None
        async with session() as pg:
            if fails == "before":
                async with pg.transaction():  # nothing of the group is committed before it ends
                    yield pg
                    raise Retryable("crash before the commit")
            yield pg
        if fails == "after":
            raise Retryable("crash between commit and answer")


class IngestMachine(RuleBasedStateMachine):
    """`given` and `run_instance` are set by the test."""

    dsn: str
    start: Callable[..., Any]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        psql(self.dsn, f"TRUNCATE {', '.join(f'collector.{table}' for table in TABLES.split(', '))}")
        clock = FakeClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
        self.instances = [self.run(self.stack.enter_async_context(self.start(self.dsn, clock))) for _ in range(2)]
        self.fragile = []
        for instance in self.instances:
            instance.keys["ingest"] = f"rk_ingest_{'s' * 43}"
            self.fragile.append(Fragile(instance.parts.write_connections))
        self.numbers = itertools.count()
        self.sent: dict[str, dict[str, Any]] = {}
        self.accepted: dict[str, str] = {}  # idempotency key → feedback id

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    async def post(self, instance: int, key: str) -> None:
        answer = await self.instances[instance].post("feedback", self.sent[key], Idempotency_Key=key)
        if answer.status_code == 503:
            return
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert self.accepted.setdefault(key, body["id"]) == body["id"]

    def new(self, body: dict[str, Any]) -> str:
        key = f"k{next(self.numbers)}"
        self.sent[key] = body
        return key

    @rule(instance=INSTANCES, body=BODIES)
    def post_one(self, instance: int, body: dict[str, Any]) -> None:
        self.run(self.post(instance, self.new(body)))

    @rule(bodies=st.lists(st.tuples(INSTANCES, BODIES), min_size=2, max_size=8))
    def post_at_once(self, bodies: list[tuple[int, dict[str, Any]]]) -> None:
        posts = [(instance, self.new(body)) for instance, body in bodies]

        async def together() -> None:
            await asyncio.gather(*(self.post(*post) for post in posts))

        self.run(together())

    @rule(instance=INSTANCES, body=BODIES, when=st.sampled_from(["before", "after"]), again=st.booleans())
    def post_during_a_crash(self, instance: int, body: dict[str, Any], when: str, again: bool) -> None:
        key = self.new(body)
        self.fragile[instance].fails = when
        self.run(self.post(instance, key))
        assert key not in self.accepted
        if again:
            self.run(self.post(1 - instance, key))
            assert key in self.accepted

    @precondition(lambda self: bool(self.sent))
    @rule(instance=INSTANCES, data=st.data())
    def repeat(self, instance: int, data: st.DataObject) -> None:
        self.run(self.post(instance, data.draw(st.sampled_from(sorted(self.sent)))))

    @rule(instances=st.lists(INSTANCES, min_size=1, max_size=2), execution=EXECUTIONS)
    def post_execution(self, instances: list[int], execution: str) -> None:
        async def together() -> None:
            body = {"id": execution, "target": f"target-{execution}"}
            posts = [self.instances[instance].post("executions", body) for instance in instances]
            assert all(answer.status_code == 200 for answer in await asyncio.gather(*posts))

        self.run(together())

    @rule()
    def upkeep(self) -> None:
        async def together() -> None:
            rounds = await asyncio.gather(
                *(instance.parts.maintenance.run_once() for instance in self.instances), return_exceptions=True
            )
            # One transaction may hold a lock that the other needs; it is retried, as in production a second later.
            for instance, moved in zip(self.instances, rounds, strict=True):
                if isinstance(moved, Retryable):
                    await instance.parts.maintenance.run_once()
                elif isinstance(moved, BaseException):
                    raise moved

        self.run(together())

    @rule()
    def pass_a_day(self) -> None:
        self.instances[0].clock.advance(timedelta(hours=25))
        self.upkeep()

    def teardown(self) -> None:
        try:
            for key in set(self.sent) - set(self.accepted):
                self.run(self.post(0, key))  # a client retries until it gets a response
            for execution in ("e0", "e1", "e2"):
                self.post_execution([0], execution)
            self.check(self.instances[0].events("feedback.created"))
            recorded = [e["facts"]["execution_id"] for e in self.instances[0].events("execution.recorded")]
            assert sorted(recorded) == ["e0", "e1", "e2"]
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    def check(self, events: list[dict[str, Any]]) -> None:
        """Each feedback is emitted once, joined with its own execution; feedback of a user on an execution forms a
        chain.
        """
        assert Counter(event["feedback_id"] for event in events) == Counter(self.accepted.values())
        by_id = {event["feedback_id"]: event for event in events}
        slots: dict[tuple[str, str | None], list[dict[str, Any]]] = defaultdict(list)
        for key, feedback_id in self.accepted.items():
            body, event = self.sent[key], by_id[feedback_id]
            if "execution" in event:  # otherwise it waited for more than a day
                assert event["execution"]["execution_id"] == body["execution_id"]
                assert event["target"] == f"target-{body['execution_id']}"
            assert event["value"] == float(body["value"])
            slots[(body["execution_id"], body.get("user"))].append(event)
        for chain in slots.values():
            replaced = [event["replaces"]["feedback_id"] for event in chain if "replaces" in event]
            assert len(replaced) == len(set(replaced)) == len(chain) - 1
            assert set(replaced) <= {event["feedback_id"] for event in chain}
            (last,) = [event for event in chain if event["feedback_id"] not in replaced]
            counted = [event for event in chain if "execution" in event]
            taken_back = [event.get("replaces", {}).get("value") for event in counted]
            left = Counter(event["value"] for event in counted)
            left.subtract(value for value in taken_back if value is not None)
            assert +left == Counter([last["value"]] if "execution" in last else [])
            assert min(left.values(), default=0) >= 0


def test_each_accepted_feedback_is_emitted_once(
    migrated_dsn: Callable[..., str], add_key: Callable[..., str], instance: Callable[..., Any]
) -> None:
    dsn = migrated_dsn("collector")
    add_key(dsn, "ingest", "ingest")
    machine = type("Machine", (IngestMachine,), {"dsn": dsn, "start": staticmethod(instance)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
