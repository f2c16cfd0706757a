"""What the terminal tells of the loop: each turn once, and in between one line on how things stand. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.units import format_value, unit_of

Item = Mapping[str, Any]
_RATCHET = ".venv/bin/ratchet"
_SHOWN_SHARE = "thumb"


@dataclass(frozen=True, slots=True)
class Pages:
    """What the API answers: the items of `/v1/regressions`, `/v1/proposals`, the newest first, and of `/v1/quality`
    for the one target whose versions are followed."""

    regressions: Sequence[Item]
    proposals: Sequence[Item]
    quality: Sequence[Item]


@dataclass(slots=True)
class ProgressReporter:
    """Remembers what it told. What is settled when it begins is old news.

    `url` is where the console is, `you` the subject whose key the command line has here.
    """

    url: str
    you: str
    _states: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _with_examples: set[str] = field(default_factory=set)
    _were_in_use: set[str] = field(default_factory=set)
    _in_use: str | None = None
    _begun: bool = False

    def news(self, pages: Pages) -> list[str]:
        """Lines for what has turned since the last time."""
        lines = [
            *self._versions(pages.quality),
            *self._regressions(pages.regressions),
            *self._proposals(pages.proposals),
        ]
        self._begun = True
        return lines

    def status(self, pages: Pages) -> str:
        """How many answers there were, and what people think of the version in use."""
        answers = sum(item["measurement"]["n"] for item in pages.quality if item["metric"] == "error_rate")
        if not answers:
            return "waiting for the first answers"
        text = f"{answers:,} answers"
        in_use = next((item for item in _liked(pages.quality) if item["identity"] == self._in_use), None)
        return text if in_use is None else f"{text} · this version: {_liking(in_use)}"

    def _turned(self, item: Item, key: str) -> bool:
        """Whether it is in another state than when it was last told of."""
        before, now = self._states.get(item[key]), item["state"]
        self._states[item[key]] = now
        return before != now and (before is not None or self._begun or now == "open")

    def _versions(self, items: Sequence[Item]) -> Iterator[str]:
        """The version in use is another one when that one is judged, and the former is not any more."""
        now = {item["identity"]: item for item in _liked(items)}
        before, self._counts = self._counts, {each: item["measurement"]["n"] for each, item in now.items()}
        growth = {each: n - before.get(each, 0) for each, n in self._counts.items() if n > before.get(each, 0)}
        if not self._begun:
            self._were_in_use |= now.keys()
        if not growth or self._in_use in growth or (not self._begun and len(now) > 1):
            return
        former, self._in_use = self._in_use, max(growth, key=lambda each: growth[each])
        if former is not None:
            name, digest = now[self._in_use]["prompt"], self._in_use.removeprefix("sha256:")[:12]
            known = self._in_use in self._were_in_use
            which, again = ("an earlier", " again") if known else ("a new", "")
            yield f"· {which} version of {name} is in use{again}: {digest}"
        self._were_in_use.add(self._in_use)

    def _regressions(self, items: Sequence[Item]) -> Iterator[str]:
        for item in reversed(items):
            if not self._turned(item, "regression_id"):
                continue
            if item["state"] == "open":
                cause = item["causes"][0] if item["causes"] else {}
                likely = cause.get("kind", "unknown").replace("_", " ")
                yield f"! {item['metric']} of {item['target']} got worse: {_change(item)}; likely cause: {likely}"
                yield f"  why:  {self.url}/regressions/{item['regression_id']}"
            else:
                yield f"✓ {item['metric']} of {item['target']} has recovered: {_side(item, 'recovered')}"

    def _proposals(self, items: Sequence[Item]) -> Iterator[str]:
        for item in reversed(items):
            if not self._turned(item, "id"):
                continue
            if item["kind"] == "few_shot":
                yield from self._examples(item)
            elif item["state"] == "open":
                yield from self._waiting(item)
            else:
                yield f"· the proposal {item['id']} is {item['state'].replace('_', ' ')}"

    def _waiting(self, item: Item) -> Iterator[str]:
        """Nobody decides about a proposal of their own: then there is nothing to do here."""
        look, by = f"  look: {self.url}/proposals/{item['id']}", ""
        if item["author_kind"] == "person":
            by = f" by {item['author']}"
            if item["author"] == self.you:
                yield f"· an edit of {item['name']}{by} waits for somebody else"
                yield look
                return
        yield f"? a proposal{by} for the prompt {item['name']} waits for you ({item['kind'].replace('_', ' ')})"
        yield look
        yield f"  here: {_RATCHET} approve {item['id']}"

    def _examples(self, item: Item) -> Iterator[str]:
        """Told once a prompt: while answers come in, one set follows another."""
        if item["state"] == "open" and item["name"] not in self._with_examples:
            self._with_examples.add(item["name"])
            yield f"· answers that people liked are proposed as examples for {item['name']}: {self.url}/few-shots"


def _liked(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if item["metric"] == _SHOWN_SHARE]


def _change(item: Item) -> str:
    return f"{_side(item, 'baseline')} → {_side(item, 'current')}"


def _side(item: Item, side: str) -> str:
    mean, n = item[side]["mean"], item[side]["n"]
    return f"{format_value(mean, item.get('unit') or unit_of(item['metric']))} (n={n:,})" if n else "unknown"


def _liking(item: Item) -> str:
    measured = item["measurement"]
    mean, low, high = (100 * measured[each] for each in ("mean", "low", "high"))
    return f"{mean:.0f} % liked [{low:.0f}, {high:.0f}], n={measured['n']:,}"
