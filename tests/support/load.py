"""Load: posts at a bounded rate, retried with the same Idempotency-Key until acknowledged, as by an SDK."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx

from tests.support.eventually import eventually

_RETRY_S = 0.5
_TIMEOUT_S = 10.0
_IN_FLIGHT = 32
_PROMPT_EVERY = 20


@dataclass(frozen=True, slots=True)
class Post:
    """A request. The metric that it measures has a unique name, so that its effect can be counted separately."""

    path: str
    key: str
    body: dict[str, Any]
    metric: str
    value: float


def posts(count: int, prefix: str, targets: Sequence[str] = ("bot",)) -> list[Post]:
    """Return executions with a score, each followed by feedback with a score, for each target in turn.

    Some executions use a new prompt. `prefix` distinguishes several loads on one database.
    """
    made = []
    for number in range(count):
        value = round((number + 1) / (count + 1), 6)
        made.append((_feedback if number % 2 else _execution)(number, prefix, targets, value))
    return made


def _execution(number: int, prefix: str, targets: Sequence[str], value: float) -> Post:
    name = f"{prefix}-{number}"
    body: dict[str, Any] = {"id": name, "target": targets[number // 2 % len(targets)], "scores": {name: value}}
    if number % _PROMPT_EVERY == 0:
        digest = "sha256:" + sha256(name.encode()).hexdigest()
        body["prompts"] = [{"name": f"prompt-{number // _PROMPT_EVERY % 24}", "digest": digest}]
    return Post("/v1/executions", name, body, f"score.{name}", value)


def _feedback(number: int, prefix: str, targets: Sequence[str], value: float) -> Post:
    name = f"{prefix}-{number}"
    body = {"execution_id": f"{prefix}-{number - 1}", "kind": "score", "name": name, "value": value}
    return Post("/v1/feedback", name, body, f"score.{name}", value)


@dataclass
class Load:
    """Sends `work` to `urls` in turn, at most `rate` new posts per second, and records the state of each post."""

    urls: Sequence[str]
    api_key: str
    work: Sequence[Post]
    rate: float
    acknowledged: dict[str, str] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    in_flight: set[str] = field(default_factory=set)
    _stopped: bool = False

    def stop(self) -> None:
        """Start no further post; `run` returns once the posts in flight are acknowledged."""
        self._stopped = True

    @property
    def done(self) -> bool:
        return len(self.acknowledged) == len(self.work)

    @property
    def retried(self) -> int:
        """Return the number of posts that needed more than one attempt."""
        return sum(number > 1 for number in self.attempts.values())

    @property
    def duplicates(self) -> int:
        """Return the number of posts that had been stored by an attempt without a response."""
        return sum(status == "duplicate" for status in self.acknowledged.values())

    def __str__(self) -> str:
        return (
            f"{len(self.acknowledged)} of {len(self.work)} acknowledged, {len(self.in_flight)} in flight, "
            f"{self.retried} retried, {self.duplicates} of them stored before, failures {dict(self.failures)}"
        )

    async def wait_for_acknowledged(self, count: int, within: float = 60.0) -> None:
        """Wait until `count` posts are acknowledged. Raises AssertionError with the state of the load otherwise."""
        try:
            await eventually(lambda: len(self.acknowledged) >= count, within)
        except AssertionError as error:
            raise AssertionError(f"not {count} posts within {within:g} s: {self}") from error

    async def run(self, within: float = 600.0) -> None:
        """Send all posts; return when every one is acknowledged.

        Raises:
        AssertionError: it took longer than `within` seconds; or a response was an error that no retry can resolve.
        """
        try:
            async with asyncio.timeout(within):
                await self._send_all()
        except TimeoutError:
            raise AssertionError(f"not done within {within:g} s: {self}") from None

    async def _send_all(self) -> None:
        turns = self._schedule()
        limits = httpx.Limits(max_connections=_IN_FLIGHT)
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits) as client, asyncio.TaskGroup() as workers:
            for _ in range(_IN_FLIGHT):
                workers.create_task(self._work(client, turns))

    def _schedule(self) -> Iterator[tuple[float, Post]]:
        """Yield each post with its earliest time to send; after an outage the rate is not exceeded to catch up."""
        moment = time.monotonic()
        for post in self.work:
            if self._stopped:
                return
            yield moment, post
            moment = max(moment + 1 / self.rate, time.monotonic())

    async def _work(self, client: httpx.AsyncClient, turns: Iterator[tuple[float, Post]]) -> None:
        for moment, post in turns:
            await asyncio.sleep(max(0.0, moment - time.monotonic()))
            self.in_flight.add(post.key)
            for url in itertools.cycle(self._rotated_urls(post)):
                if await self._try(client, url, post):
                    break
                await asyncio.sleep(_RETRY_S)
            self.in_flight.discard(post.key)

    def _rotated_urls(self, post: Post) -> Sequence[str]:
        """Return the URLs, rotated for every post."""
        first = len(self.attempts) % len(self.urls)
        return [*self.urls[first:], *self.urls[:first]]

    async def _try(self, client: httpx.AsyncClient, url: str, post: Post) -> bool:
        headers = {"Authorization": f"Bearer {self.api_key}", "Idempotency-Key": post.key}
        self.attempts[post.key] += 1
        try:
            answer = await client.post(url + post.path, json=post.body, headers=headers)
        except httpx.HTTPError as error:
            self.failures[type(error).__name__] += 1
            return False
        if answer.status_code == 200:
            self.acknowledged[post.key] = answer.json()["status"]
            return True
        self.failures[str(answer.status_code)] += 1
        assert answer.status_code >= 500, f"{post.path}: {answer.status_code} {answer.text}"
        return False
