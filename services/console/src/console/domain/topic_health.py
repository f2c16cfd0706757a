"""State of topics: senders, consumers, lag and dead letters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from console.domain.json_object import JsonObject

TopicState = Literal["paused", "behind", "dead letters", "unknown", "keeps up"]

BEHIND_AFTER = timedelta(minutes=1)
"""A participant is behind if its oldest event waits longer; normal is well under a second."""

_WORST_FIRST: tuple[TopicState, ...] = ("paused", "behind", "dead letters", "unknown", "keeps up")


@dataclass(frozen=True, slots=True)
class TopicParticipant:
    """A sender or consumer of a topic. `waits`: events not sent or not consumed yet; None is unknown, not zero."""

    name: str
    service: str
    state: TopicState
    rate: float | None
    waits: int | None
    since: str | None
    parked: int = 0
    topic: str = ""


@dataclass(frozen=True, slots=True)
class TopicHealth:
    """A topic with the sum of its senders, and its consumers, worst state first.

    `sender` is None if only apps send the topic: how much they send is not known.
    """

    name: str
    sent_by: tuple[str, ...]
    sender: TopicParticipant | None
    consumers: tuple[TopicParticipant, ...]

    @property
    def state(self) -> TopicState:
        """The worst state of its participants."""
        return min((participant.state for participant in self.participants), key=_rank, default="unknown")

    @property
    def participants(self) -> tuple[TopicParticipant, ...]:
        """The sender, if known, and the consumers."""
        return self.consumers if self.sender is None else (self.sender, *self.consumers)


def topics(
    answers: Mapping[str, JsonObject | None], writers: Mapping[str, Sequence[str]], now: datetime
) -> list[TopicHealth]:
    """Return topics, worst state first, then by name. `answers`: the response of each service; None: unavailable."""
    sent = [(item["topic"], name, item) for name, answer in _available(answers) for item in answer["topics"]]
    consumed = [
        (item["topic"], _consumer(name, item, answer, now))
        for name, answer in _available(answers)
        for item in _consumers(answer)
    ]
    names = set(writers) | {topic for topic, _, _ in sent} | {topic for topic, _ in consumed}
    found = [
        TopicHealth(
            name,
            tuple(writers.get(name) or sorted(service for topic, service, _ in sent if topic == name)),
            _sender(
                [item for topic, _, item in sent if topic == name], _sender_unavailable(name, writers, answers), now
            ),
            _sorted(consumer for topic, consumer in consumed if topic == name),
        )
        for name in names
    ]
    return sorted(found, key=lambda topic: (_rank(topic.state), topic.name))


def topics_needing_attention(shown: Sequence[TopicHealth]) -> dict[TopicState, int]:
    """Return the number of participants by state that needs an operator, worst first; empty if all are well."""
    participants = [participant for topic in shown for participant in topic.participants]
    counted = {state: sum(p.state == state for p in participants) for state in _WORST_FIRST[:2]}
    counted["dead letters"] = sum(p.parked for p in participants)
    return {state: n for state, n in counted.items() if n}


def parked(answers: Mapping[str, JsonObject | None]) -> dict[str, int | None]:
    """Return the number of dead letters of each service; None if it is unavailable."""
    return {
        name: None if answer is None else sum(letter["parked"] for letter in answer["dead_letters"])
        for name, answer in answers.items()
    }


def _available(answers: Mapping[str, JsonObject | None]) -> list[tuple[str, JsonObject]]:
    return [(name, answer) for name, answer in answers.items() if answer is not None]


def _sender_unavailable(
    topic: str, writers: Mapping[str, Sequence[str]], answers: Mapping[str, JsonObject | None]
) -> bool:
    return any(service in answers and answers[service] is None for service in writers.get(topic, ()))


def _consumers(answer: JsonObject) -> list[JsonObject]:
    """Return a service's consumers, including removed ones that still have dead letters."""
    present = {(item["consumer"], item["topic"]) for item in answer["consumers"]}
    unknown = {"rate_per_s": None, "lag": None, "oldest_unprocessed_at": None, "paused": False}
    removed = [
        {**unknown, "consumer": letter["consumer"], "topic": letter["topic"]}
        for letter in answer["dead_letters"]
        if (letter["consumer"], letter["topic"]) not in present
    ]
    return [*answer["consumers"], *removed]


def _consumer(service: str, item: JsonObject, answer: JsonObject, now: datetime) -> TopicParticipant:
    where = (item["topic"], item["consumer"])
    letters = sum(it["parked"] for it in answer["dead_letters"] if (it["topic"], it["consumer"]) == where)
    lag, since = item["lag"], item["oldest_unprocessed_at"]
    state = "paused" if item["paused"] else _state(lag, since, now, letters)
    return TopicParticipant(item["consumer"], service, state, item["rate_per_s"], lag, since, letters, item["topic"])


def _sender(items: Sequence[JsonObject], unavailable: bool, now: datetime) -> TopicParticipant | None:
    """Return the sum of the senders of one topic; unknown if one of them is unavailable."""
    if not items:
        return TopicParticipant("", "", "unknown", None, None, None) if unavailable else None
    unsent = None if unavailable else sum(item["unsent"] for item in items)
    since = min((item["oldest_unsent_at"] for item in items if item["oldest_unsent_at"]), default=None)
    rates = [item["rate_per_s"] for item in items]
    rate = None if unavailable or None in rates else sum(rates)
    return TopicParticipant("", "", _state(unsent, since, now, 0), rate, unsent, since)


def _state(waits: int | None, since: str | None, now: datetime, letters: int) -> TopicState:
    if since is not None and now - datetime.fromisoformat(since) > BEHIND_AFTER:
        return "behind"
    if letters:
        return "dead letters"
    return "unknown" if waits is None or (waits and since is None) else "keeps up"


def _rank(state: TopicState) -> int:
    return _WORST_FIRST.index(state)


def _sorted(participants: Iterable[TopicParticipant]) -> tuple[TopicParticipant, ...]:
    return tuple(sorted(participants, key=lambda p: (_rank(p.state), p.name)))
