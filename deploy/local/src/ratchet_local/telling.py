"""What the terminal tells of the loop: each turn once, and in between one line on how things stand. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Item = Mapping[str, Any]
_RATCHET = ".venv/bin/ratchet"
_SHOWN_SHARE = "thumb"


@dataclass(frozen=True, slots=True)
class Pages:
    """What the API answers: the items of `/v1/regressions`, `/v1/proposals` and `/v1/quality`, the newest first."""

    regressions: Sequence[Item]
    proposals: Sequence[Item]
    quality: Sequence[Item]


@dataclass(slots=True)
class Teller:
    """Remembers what it told. What is settled when it begins is old news. `url` is where the console is."""

    url: str
    _states: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _with_examples: set[str] = field(default_factory=set)
    _in_use: Item | None = None
    _begun: bool = False

    def news(self, pages: Pages) -> list[str]:
        """Lines for what has turned since the last time."""
        told = [*self._regressions(pages.regressions), *self._proposals(pages.proposals)]
        self._begun = True
        return told

    def status(self, pages: Pages) -> str:
        """How many answers there were, and what people think of the version in use."""
        answers = sum(item["measurement"]["n"] for item in pages.quality if item["metric"] == "error_rate")
        if not answers:
            return "waiting for the first answers"
        text = f"{answers:,} answers"
        for item in pages.quality:
            if item["metric"] != _SHOWN_SHARE:
                continue
            n, before = item["measurement"]["n"], self._counts.get(item["identity"], 0)
            if n > before:
                self._in_use = item
            self._counts[item["identity"]] = n
        return f"{text} · {_liked(self._in_use)}" if self._in_use else text

    def _turned(self, item: Item, key: str) -> bool:
        """Whether it is in another state than when it was last told of."""
        before, now = self._states.get(item[key]), item["state"]
        self._states[item[key]] = now
        return before != now and (before is not None or self._begun or now == "open")

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
                yield f"✓ {item['metric']} of {item['target']} has recovered: {_share(item['recovered'])}"

    def _proposals(self, items: Sequence[Item]) -> Iterator[str]:
        for item in reversed(items):
            if not self._turned(item, "id"):
                continue
            if item["kind"] == "few_shot":
                yield from self._examples(item)
            elif item["state"] == "open":
                yield f"? a proposal for the prompt {item['name']} waits for you ({item['kind']})"
                yield f"  look: {self.url}/proposals/{item['id']}"
                yield f"  here: {_RATCHET} approve {item['id']}"
            else:
                yield f"· the proposal {item['id']} is {item['state']}"

    def _examples(self, item: Item) -> Iterator[str]:
        """Told once a prompt: while answers come in, one set follows another."""
        if item["state"] == "open" and item["name"] not in self._with_examples:
            self._with_examples.add(item["name"])
            yield f"· answers that people liked are proposed as examples for {item['name']}: {self.url}/few-shots"


def _change(item: Item) -> str:
    return f"{_share(item['baseline'])} → {_share(item['current'])}"


def _share(measured: Item) -> str:
    return f"{100 * measured['mean']:.0f} % (n={measured['n']})" if measured["mean"] <= 1 else f"{measured['mean']:.4g}"


def _liked(item: Item) -> str:
    measured = item["measurement"]
    low, high = (100 * measured[end] for end in ("low", "high"))
    return (
        f"{100 * measured['mean']:.0f} % liked [{low:.0f}, {high:.0f}], n={measured['n']}, of {item['identity'][:19]}"
    )
