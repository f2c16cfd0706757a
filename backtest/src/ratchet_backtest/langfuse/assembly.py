"""Scores, traces and generations, put together as they come: scores first, so that it is known what they speak of.

A row of the past is a trace with the scores of it, or an observation with scores of its own. It has the time at which
it ran, not the one at which somebody judged it: so a late judgement speaks of the version that it is about.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ratchet_backtest.langfuse.schemas import Generation, Root, Score, Value
from ratchet_backtest.text_store import TextStore

Prompts = tuple[tuple[str, str], ...]
"""The prompts that were used, by name, each with its version."""
Column = tuple[str, str]
"""A score's name, and who gives it: API, ANNOTATION or EVAL."""
Opinions = dict[Column, tuple[float, Value]]
"""The latest value of each score, with the Unix time at which it was given."""

_INTERNAL = "langfuse"
_FAILED = "ERROR"
_SESSIONS = "scores of sessions and experiments: they speak of no single answer"
_UNSAID = "scores that are texts or corrections: they measure nothing"
_STRANGERS = "scores of traces that began before, or can't be read"
_OWN = "traces of Langfuse's own evaluators"
_ORPHANS = "generations of traces that began before, or can't be read"


@dataclass(slots=True)
class LangfuseTrace:
    """What is known of a trace; `text` is the place of its input."""

    at: float
    name: str | None
    environment: str | None
    release: str | None
    user: str | None
    latency: float | None
    failed: bool
    cost: float = 0.0
    models: tuple[str, ...] = ()
    prompts: Prompts = ()
    text: int | None = None


@dataclass(slots=True)
class Observation:
    """A generation that has scores of its own."""

    trace: str
    at: float
    model: str | None
    prompts: Prompts


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One answer. Latency, cost and failure are the `whole` trace's."""

    at: float
    name: str
    trace: LangfuseTrace
    models: tuple[str, ...]
    prompts: Prompts
    opinions: Opinions
    whole: bool


@dataclass(slots=True)
class TraceAssembler:
    """Takes what was read, each once, in this order: scores, roots, generations. `left_out` is what counts nowhere."""

    texts: TextStore | None = None
    left_out: "Counter[str]" = field(default_factory=Counter)
    columns: set[Column] = field(default_factory=set)
    _of_traces: dict[str, Opinions] = field(default_factory=dict)
    _of_observations: dict[str, Opinions] = field(default_factory=dict)
    _homes: dict[str, str | None] = field(default_factory=dict)
    _traces: dict[str, LangfuseTrace] = field(default_factory=dict)
    _observations: dict[str, Observation] = field(default_factory=dict)
    _same: dict[Any, Any] = field(default_factory=dict)
    _inputs: int = 0

    def score(self, score: Score) -> None:
        trace, observation, said = score.trace, score.observation, score.said
        if trace is None and observation is None:
            self.left_out[_SESSIONS] += 1
        elif said is None:
            self.left_out[_UNSAID] += 1
        else:
            column = self._once((score.name, score.source))
            self.columns.add(column)
            if observation is not None:
                self._homes[observation] = trace
                opinions = self._of_observations.setdefault(observation, {})
            else:
                opinions = self._of_traces.setdefault(trace or "", {})
            if column not in opinions or opinions[column][0] <= score.at:
                opinions[column] = (score.at, self._once(said) if type(said) is str else said)

    def root(self, root: Root) -> None:
        if _internal(root.environment):
            self.left_out[_OWN] += 1
            return
        known = self._traces.get(root.trace_id or "")
        if root.trace_id is None or (known and known.at <= root.at):
            return
        self._traces[root.trace_id] = LangfuseTrace(
            root.at,
            self._once(root.name),
            self._once(root.environment),
            self._once(root.release),
            self._once(root.user_id),
            root.seconds,
            root.level == _FAILED,
            text=self._kept(root.input),
        )

    def generation(self, found: Generation) -> None:
        trace = self._traces.get(found.trace_id or "")
        if trace is None:
            self.left_out[_ORPHANS] += not _internal(found.environment)
            return
        own: Prompts = ()
        if found.prompt_name is not None and found.prompt_version is not None:
            own = self._once(((found.prompt_name, str(found.prompt_version)),))
        trace.failed = trace.failed or found.level == _FAILED
        trace.cost += found.total_cost or 0.0
        trace.models = self._with(trace.models, (found.model,) if found.model else ())
        trace.prompts = self._with(trace.prompts, own)
        if found.id in self._of_observations:
            self._observations[found.id] = Observation(found.trace_id or "", found.at, self._once(found.model), own)

    def rows(self) -> list[TraceRow]:
        """All answers by their times. What scores speak of traces that did not come is counted then."""
        rows = [
            TraceRow(trace.at, name, trace, trace.models, trace.prompts, self._of_traces.get(name, {}), True)
            for name, trace in self._traces.items()
        ]
        for name, opinions in self._of_observations.items():
            own = self._observations.get(name)
            home = own.trace if own else self._homes[name] or ""
            if home not in self._traces:
                self.left_out[_STRANGERS] += len(opinions)
                continue
            rows.append(_of_its_own(home, self._traces[home], own, opinions))
        strangers = (opinions for name, opinions in self._of_traces.items() if name not in self._traces)
        self.left_out[_STRANGERS] += sum(map(len, strangers))
        return sorted(rows, key=lambda row: row.at)

    def _with(self, known: tuple[Any, ...], more: tuple[Any, ...]) -> tuple[Any, ...]:
        """Both, each once, in one order; the same ones are one object, whatever number of traces has them."""
        if all(each in known for each in more):
            return known
        both: tuple[Any, ...] = self._once(tuple(sorted({*known, *more})))
        return both

    def _once(self, thing: Any) -> Any:
        # By type too: True and 1.0 are equal.
        return self._same.setdefault((type(thing), thing), thing)

    def _kept(self, text: Any) -> int | None:
        if self.texts is None:
            return None
        self.texts.extend([text])
        self._inputs += 1
        return self._inputs - 1


def _of_its_own(home: str, trace: LangfuseTrace, own: Observation | None, opinions: Opinions) -> TraceRow:
    """A scored observation; what it does not tell by itself is its trace's."""
    if own is None:
        return TraceRow(trace.at, home, trace, trace.models, trace.prompts, opinions, False)
    models = (own.model,) if own.model else trace.models
    return TraceRow(own.at, home, trace, models, own.prompts or trace.prompts, opinions, False)


def _internal(environment: str | None) -> bool:
    return (environment or "").startswith(_INTERNAL)
