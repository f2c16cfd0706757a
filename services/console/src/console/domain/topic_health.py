"""How topics stand (pure): who puts what on them, who takes it, what waits, and what needs somebody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

Item = Mapping[str, Any]
State = Literal["paused", "behind", "dead letters", "unknown", "keeps up"]

LONG = timedelta(minutes=1)
"""What waits longer than this is behind: in health, events wait for well under a second."""

_WORST_FIRST: tuple[State, ...] = ("paused", "behind", "dead letters", "unknown", "keeps up")


@dataclass(frozen=True, slots=True)
class TopicParticipant:
    """One that sends or takes a topic. `waits`: events not sent, or not taken, yet. None is unknown, never none."""

    name: str
    service: str
    state: State
    rate: float | None
    waits: int | None
    since: str | None
    parked: int = 0
    topic: str = ""


@dataclass(frozen=True, slots=True)
class TopicHealth:
    """A topic, what all its senders are in together, and its takers, the worst first.

    `sender` is None where no service sends it: apps do, and nobody here can tell how much.
    """

    name: str
    sent_by: tuple[str, ...]
    sender: TopicParticipant | None
    takers: tuple[TopicParticipant, ...]

    @property
    def state(self) -> State:
        """The worst of its parties'."""
        return min((party.state for party in self.parties), key=_rank, default="unknown")

    @property
    def parties(self) -> tuple[TopicParticipant, ...]:
        return self.takers if self.sender is None else (self.sender, *self.takers)


def topics(
    answers: Mapping[str, Item | None], writers: Mapping[str, Sequence[str]], now: datetime
) -> list[TopicHealth]:
    """The worst first, then by name. `answers`: what each service said, None where it is away."""
    sent = [(item["topic"], name, item) for name, said in _said(answers) for item in said["topics"]]
    parties = [(item["topic"], _taker(name, item, said, now)) for name, said in _said(answers) for item in _taken(said)]
    names = set(writers) | {topic for topic, _, _ in sent} | {topic for topic, _ in parties}
    made = [
        TopicHealth(
            name,
            tuple(writers.get(name) or sorted(who for topic, who, _ in sent if topic == name)),
            _sender([item for topic, _, item in sent if topic == name], _unheard(name, writers, answers), now),
            _sorted(party for topic, party in parties if topic == name),
        )
        for name in names
    ]
    return sorted(made, key=lambda topic: (_rank(topic.state), topic.name))


def topics_needing_attention(shown: Sequence[TopicHealth]) -> dict[State, int]:
    """How many parties need somebody, by what is wrong; the worst first, and none where nothing is."""
    parties = [party for topic in shown for party in topic.parties]
    counted = {state: sum(party.state == state for party in parties) for state in _WORST_FIRST[:2]}
    counted["dead letters"] = sum(party.parked for party in parties)
    return {state: n for state, n in counted.items() if n}


def parked(answers: Mapping[str, Item | None]) -> dict[str, int | None]:
    """How many dead letters each service has; None where it is away."""
    return {
        name: None if said is None else sum(letter["parked"] for letter in said["dead_letters"])
        for name, said in answers.items()
    }


def _said(answers: Mapping[str, Item | None]) -> list[tuple[str, Item]]:
    return [(name, said) for name, said in answers.items() if said is not None]


def _unheard(topic: str, writers: Mapping[str, Sequence[str]], answers: Mapping[str, Item | None]) -> bool:
    return any(who in answers and answers[who] is None for who in writers.get(topic, ()))


def _taken(said: Item) -> list[Item]:
    """A service's consumers; also those of former versions, whose letters still lie there."""
    present = {(item["consumer"], item["topic"]) for item in said["consumers"]}
    unknown = {"rate_per_s": None, "lag": None, "oldest_unprocessed_at": None, "paused": False}
    gone = [
        {**unknown, "consumer": letter["consumer"], "topic": letter["topic"]}
        for letter in said["dead_letters"]
        if (letter["consumer"], letter["topic"]) not in present
    ]
    return [*said["consumers"], *gone]


def _taker(service: str, item: Item, said: Item, now: datetime) -> TopicParticipant:
    where = (item["topic"], item["consumer"])
    letters = sum(it["parked"] for it in said["dead_letters"] if (it["topic"], it["consumer"]) == where)
    lag, since = item["lag"], item["oldest_unprocessed_at"]
    state = "paused" if item["paused"] else _state(lag, since, now, letters)
    return TopicParticipant(item["consumer"], service, state, item["rate_per_s"], lag, since, letters, item["topic"])


def _sender(items: Sequence[Item], unheard: bool, now: datetime) -> TopicParticipant | None:
    """What several services send of one topic, in all; unknown where one of them is away."""
    if not items:
        return TopicParticipant("", "", "unknown", None, None, None) if unheard else None
    unsent = None if unheard else sum(item["unsent"] for item in items)
    since = min((item["oldest_unsent_at"] for item in items if item["oldest_unsent_at"]), default=None)
    rates = [item["rate_per_s"] for item in items]
    rate = None if unheard or None in rates else sum(rates)
    return TopicParticipant("", "", _state(unsent, since, now, 0), rate, unsent, since)


def _state(waits: int | None, since: str | None, now: datetime, letters: int) -> State:
    if since is not None and now - datetime.fromisoformat(since) > LONG:
        return "behind"
    if letters:
        return "dead letters"
    return "unknown" if waits is None or (waits and since is None) else "keeps up"


def _rank(state: State) -> int:
    return _WORST_FIRST.index(state)


def _sorted(parties: Iterable[TopicParticipant]) -> tuple[TopicParticipant, ...]:
    return tuple(sorted(parties, key=lambda party: (_rank(party.state), party.name)))
