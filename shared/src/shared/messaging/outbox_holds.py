"""Topics and keys of the outbox that are held back because the bus did not accept their messages (pure)."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from shared.messaging.send_result import SendResult

_NO_ROOM_S = 0.05
_UNANSWERED_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
_REFUSED_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

Key = tuple[str, str]
"""Topic and message key."""


class Held(NamedTuple):
    """Topics and keys whose messages stay in the outbox for now."""

    topics: list[str]
    keys: list[Key]


NOTHING_HELD = Held([], [])


class _Hold(NamedTuple):
    until: float
    failures: int


class OutboxHolds:
    """Holds with exponential back-off. Times are seconds of a monotonic clock.

    A topic is held as a whole if none of its messages was accepted; otherwise single keys are. Pauses have random
    jitter, so that messages of a rejected batch are retried separately.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._topics: dict[str, _Hold] = {}
        self._keys: dict[Key, _Hold] = {}
        self._rng = rng or random.Random()  # noqa: S311

    def current(self, now: float) -> Held:
        """Return what is held at `now`."""
        return Held(
            [topic for topic, hold in self._topics.items() if hold.until > now],
            [key for key, hold in self._keys.items() if hold.until > now],
        )

    def seconds_to_next_poll(self, now: float, poll: float) -> float:
        """Return the seconds until the outbox is polled again: `poll`, or less if a hold ends before."""
        ends = [hold.until - now for hold in (*self._topics.values(), *self._keys.values()) if hold.until > now]
        return min([poll, *ends])

    def update(self, keys: Sequence[Key], results: Sequence[SendResult], now: float) -> dict[str, int]:
        """Hold what was not sent and release what was; return the number of failed messages by result."""
        sent = {key for key, result in zip(keys, results, strict=True) if result is SendResult.SENT}
        topics = {topic for topic, _ in sent}
        for topic in topics:
            self._topics.pop(topic, None)
        worst: dict[Key, SendResult] = {}
        for key, result in zip(keys, results, strict=True):
            if result is not SendResult.SENT:
                worst.setdefault(key, result)
        for key in sent.difference(worst):
            self._keys.pop(key, None)
        self._hold(worst, topics, now)
        counted = Counter(result for result in results if result in (SendResult.UNANSWERED, SendResult.REFUSED))
        return {result.value: number for result, number in counted.items()}

    def _hold(self, failed: dict[Key, SendResult], alive: set[str], now: float) -> None:
        for topic in {topic for (topic, _), result in failed.items() if result is SendResult.NO_ROOM}:
            self._topics[topic] = _Hold(now + _NO_ROOM_S, 0)
        for key, result in failed.items():
            if result is SendResult.REFUSED:
                self._keys[key] = self._longer(self._keys.get(key), _REFUSED_S, now)
            elif result is SendResult.UNANSWERED and key[0] in alive:
                self._keys[key] = self._longer(self._keys.get(key), _UNANSWERED_S, now)
        dead = {topic for (topic, _), result in failed.items() if result is SendResult.UNANSWERED} - alive
        for topic in dead:
            self._topics[topic] = self._longer(self._topics.get(topic), _UNANSWERED_S, now)

    def _longer(self, previous: _Hold | None, pauses: Sequence[float], now: float) -> _Hold:
        failures = 0 if previous is None else previous.failures
        pause = pauses[min(failures, len(pauses) - 1)] * self._rng.uniform(0.5, 1.0)
        return _Hold(now + pause, failures + 1)
