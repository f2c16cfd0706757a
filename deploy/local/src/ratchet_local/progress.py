"""Progress report on the terminal: one line for each change, and a status line. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.metric_format import format_value, unit_of

JsonObject = Mapping[str, Any]
_RATCHET = ".venv/bin/ratchet"
_SHOWN_SHARE = "thumb"


@dataclass(frozen=True, slots=True)
class ApiSnapshot:
    """Items of `/v1/regressions` and `/v1/proposals`, newest first, and of `/v1/quality` of the reported target."""

    regressions: Sequence[JsonObject]
    proposals: Sequence[JsonObject]
    quality: Sequence[JsonObject]


@dataclass(slots=True)
class ProgressReporter:
    """Reports each change once. What was closed before the first snapshot is not reported.

    `url` is where the console is, `you` the subject whose key the command line has here.
    """

    url: str
    you: str
    _states: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _with_examples: set[str] = field(default_factory=set)
    _were_in_use: set[str] = field(default_factory=set)
    _in_use: str | None = None
    _evaluations: dict[str, str] = field(default_factory=dict)
    _started: bool = False

    def changes(self, snapshot: ApiSnapshot) -> list[str]:
        """Return the lines for what changed since the last snapshot."""
        lines = [
            *self._versions(snapshot.quality),
            *self._regressions(snapshot.regressions),
            *self._proposals(snapshot.proposals),
            *self._verdicts(snapshot.proposals),
        ]
        self._started = True
        return lines

    def status(self, snapshot: ApiSnapshot) -> str:
        """Return the number of answers, and the share of thumbs up of the version in use."""
        answers = sum(item["measurement"]["n"] for item in snapshot.quality if item["metric"] == "error_rate")
        if not answers:
            return "waiting for the first answers"
        text = f"{answers:,} answers"
        in_use = next((item for item in _liked(snapshot.quality) if item["identity"] == self._in_use), None)
        return text if in_use is None else f"{text} · this version: {_liked_share(in_use)}"

    def _state_changed(self, item: JsonObject, key: str) -> bool:
        """Return whether the state of an item differs from the last reported one."""
        before, now = self._states.get(item[key]), item["state"]
        self._states[item[key]] = now
        return before != now and (before is not None or self._started or now == "open")

    def _versions(self, items: Sequence[JsonObject]) -> Iterator[str]:
        """Report a new version in use: it gets feedback, and the previous one gets none any more."""
        now = {item["identity"]: item for item in _liked(items)}
        before, self._counts = self._counts, {each: item["measurement"]["n"] for each, item in now.items()}
        growth = {each: n - before.get(each, 0) for each, n in self._counts.items() if n > before.get(each, 0)}
        if not self._started:
            self._were_in_use |= now.keys()
        if not growth or self._in_use in growth or (not self._started and len(now) > 1):
            return
        previous, self._in_use = self._in_use, max(growth, key=lambda each: growth[each])
        if previous is not None:
            name, digest = now[self._in_use]["prompt"], self._in_use.removeprefix("sha256:")[:12]
            known = self._in_use in self._were_in_use
            which, again = ("an earlier", " again") if known else ("a new", "")
            yield f"· {which} version of {name} is in use{again}: {digest}"
        self._were_in_use.add(self._in_use)

    def _regressions(self, items: Sequence[JsonObject]) -> Iterator[str]:
        for item in reversed(items):
            if not self._state_changed(item, "regression_id"):
                continue
            if item["state"] == "open":
                cause = item["causes"][0] if item["causes"] else {}
                likely = cause.get("kind", "unknown").replace("_", " ")
                yield f"! {item['metric']} of {item['target']} got worse: {_change(item)}; likely cause: {likely}"
                yield f"  why:  {self.url}/regressions/{item['regression_id']}"
            else:
                yield f"✓ {item['metric']} of {item['target']} has recovered: {_side(item, 'recovered')}"

    def _proposals(self, items: Sequence[JsonObject]) -> Iterator[str]:
        for item in reversed(items):
            if not self._state_changed(item, "id"):
                continue
            if item["kind"] == "few_shot":
                yield from self._examples(item)
            elif item["state"] == "open":
                yield from self._open_proposal(item)
            else:
                yield f"· the proposal {item['id']} is {item['state'].replace('_', ' ')}"

    def _open_proposal(self, item: JsonObject) -> Iterator[str]:
        """Report a proposal, with the command to approve it unless it is the reader's own."""
        look, by = f"  look: {self.url}/proposals/{item['id']}", ""
        if item["author_kind"] == "person":
            by = f" by {item['author']}"
            if item["author"] == self.you:
                yield f"· an edit of {item['name']}{by} waits for another reviewer"
                yield look
                return
        yield f"? a proposal{by} for the prompt {item['name']} waits for you ({item['kind'].replace('_', ' ')})"
        yield look
        tested = item.get("evaluation") is not None or item.get("evaluation_rule") != "required"
        yield f"  here: {_RATCHET} approve {item['id']}{'' if tested else ' (after its test has passed)'}"

    def _verdicts(self, items: Sequence[JsonObject]) -> Iterator[str]:
        """Report each evaluation of a proposal that waits for a decision."""
        for item in reversed(items):
            found = item.get("evaluation")
            if found is None or item["state"] != "open" or self._evaluations.get(item["id"]) == found["id"]:
                continue
            self._evaluations[item["id"]] = found["id"]
            mark = "✓" if found["verdict"] == "pass" else "!"
            yield f"{mark} the proposal for {item['name']} was tested on {found['cases']} cases: {_compared(found)}"

    def _examples(self, item: JsonObject) -> Iterator[str]:
        """Report example sets once per prompt, because a new set follows with each better answer."""
        if item["state"] == "open" and item["name"] not in self._with_examples:
            self._with_examples.add(item["name"])
            yield f"· answers that people liked are proposed as examples for {item['name']}: {self.url}/few-shots"


def _liked(items: Sequence[JsonObject]) -> list[JsonObject]:
    return [item for item in items if item["metric"] == _SHOWN_SHARE]


def _change(item: JsonObject) -> str:
    return f"{_side(item, 'baseline')} → {_side(item, 'current')}"


def _compared(found: JsonObject) -> str:
    """Return the verdict and the difference of pass rates of an evaluation."""
    difference, low, high = (found[each] for each in ("difference", "low", "high"))
    if difference is None or low is None or high is None:
        return f"{found['verdict']}, {found['reason']}"
    word = "better" if difference >= 0.0 else "worse"
    interval = f"95 % interval {100 * low:+.0f} to {100 * high:+.0f} pp"
    return f"{found['verdict']}, {word} by {100 * abs(difference):.0f} pp ({interval})"


def _side(item: JsonObject, side: str) -> str:
    mean, n = item[side]["mean"], item[side]["n"]
    return f"{format_value(mean, item.get('unit') or unit_of(item['metric']))} (n={n:,})" if n else "unknown"


def _liked_share(item: JsonObject) -> str:
    measured = item["measurement"]
    mean, low, high = (100 * measured[each] for each in ("mean", "low", "high"))
    return f"{mean:.0f} % liked [{low:.0f}, {high:.0f}], n={measured['n']:,}"
