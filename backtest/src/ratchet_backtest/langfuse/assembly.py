"""Join scores, traces and generations to rows.

A row is a trace with its scores, or an observation with its own scores. Its time is that of the execution, not of
the score, so a late score counts for the version that it is about.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ratchet_backtest.text_store import TextStore
from ratchet_langfuse.schemas import Generation, RootTrace, Score, ScoreValue

Prompts = tuple[tuple[str, str], ...]
"""Names and versions of the prompts that were used."""
ScoreColumn = tuple[str, str]
"""Name and source of a score; sources are API, ANNOTATION and EVAL."""
LatestScores = dict[ScoreColumn, tuple[float, ScoreValue]]
"""The latest value of each score, with its Unix time."""

_INTERNAL = "langfuse"
_FAILED = "ERROR"
_SESSION_SCORES = "scores of sessions and experiments, which are not about a single answer"
_TEXT_SCORES = "scores that are texts or corrections, which have no value"
_WITHOUT_TRACE = "scores of traces that started earlier or are not readable"
_EVALUATOR_TRACES = "traces of Langfuse's own evaluators"
_GENERATIONS_WITHOUT_TRACE = "generations of traces that started earlier or are not readable"


@dataclass(slots=True)
class LangfuseTrace:
    """Facts of a trace; `text` is the index of its input."""

    at: float
    name: str | None
    environment: str | None
    release: str | None
    user: str | None
    latency: float | None
    delay_after_failures: bool
    cost: float = 0.0
    models: tuple[str, ...] = ()
    prompts: Prompts = ()
    text: int | None = None


@dataclass(slots=True)
class Observation:
    """A generation with its own scores."""

    trace: str
    at: float
    model: str | None
    prompts: Prompts


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One answer. `whole`: it is a whole trace, so latency, cost and failure apply."""

    at: float
    name: str
    trace: LangfuseTrace
    models: tuple[str, ...]
    prompts: Prompts
    scores: LatestScores
    whole: bool


@dataclass(slots=True)
class TraceAssembler:
    """Joins items that are added in this order: scores, roots, generations. `left_out` counts omitted items."""

    texts: TextStore | None = None
    left_out: "Counter[str]" = field(default_factory=Counter)
    columns: set[ScoreColumn] = field(default_factory=set)
    _trace_scores: dict[str, LatestScores] = field(default_factory=dict)
    _observation_scores: dict[str, LatestScores] = field(default_factory=dict)
    _homes: dict[str, str | None] = field(default_factory=dict)
    _traces: dict[str, LangfuseTrace] = field(default_factory=dict)
    _observations: dict[str, Observation] = field(default_factory=dict)
    _same: dict[Any, Any] = field(default_factory=dict)
    _inputs: int = 0

    def score(self, score: Score) -> None:
        trace, observation, content = score.trace, score.observation, score.content
        if trace is None and observation is None:
            self.left_out[_SESSION_SCORES] += 1
        elif content is None:
            self.left_out[_TEXT_SCORES] += 1
        else:
            column = self._intern((score.name, score.source))
            self.columns.add(column)
            if observation is not None:
                self._homes[observation] = trace
                scores = self._observation_scores.setdefault(observation, {})
            else:
                scores = self._trace_scores.setdefault(trace or "", {})
            if column not in scores or scores[column][0] <= score.at:
                scores[column] = (score.at, self._intern(content) if type(content) is str else content)

    def root(self, root: RootTrace) -> None:
        if _internal(root.environment):
            self.left_out[_EVALUATOR_TRACES] += 1
            return
        known = self._traces.get(root.trace_id or "")
        if root.trace_id is None or (known and known.at <= root.at):
            return
        self._traces[root.trace_id] = LangfuseTrace(
            root.at,
            self._intern(root.name),
            self._intern(root.environment),
            self._intern(root.release),
            self._intern(root.user_id),
            root.seconds,
            root.level == _FAILED,
            text=self._store_text(root.input),
        )

    def generation(self, found: Generation) -> None:
        trace = self._traces.get(found.trace_id or "")
        if trace is None:
            self.left_out[_GENERATIONS_WITHOUT_TRACE] += not _internal(found.environment)
            return
        own: Prompts = ()
        if found.prompt_name is not None and found.prompt_version is not None:
            own = self._intern(((found.prompt_name, str(found.prompt_version)),))
        trace.delay_after_failures = trace.delay_after_failures or found.level == _FAILED
        trace.cost += found.total_cost or 0.0
        trace.models = self._merge(trace.models, (found.model,) if found.model else ())
        trace.prompts = self._merge(trace.prompts, own)
        if found.id in self._observation_scores:
            self._observations[found.id] = Observation(found.trace_id or "", found.at, self._intern(found.model), own)

    def rows(self) -> list[TraceRow]:
        """Return all answers, oldest first, and count scores without a trace as omitted."""
        rows = [
            TraceRow(trace.at, name, trace, trace.models, trace.prompts, self._trace_scores.get(name, {}), True)
            for name, trace in self._traces.items()
        ]
        for name, scores in self._observation_scores.items():
            own = self._observations.get(name)
            home = own.trace if own else self._homes[name] or ""
            if home not in self._traces:
                self.left_out[_WITHOUT_TRACE] += len(scores)
                continue
            rows.append(_observation_row(home, self._traces[home], own, scores))
        without_trace = (scores for name, scores in self._trace_scores.items() if name not in self._traces)
        self.left_out[_WITHOUT_TRACE] += sum(map(len, without_trace))
        return sorted(rows, key=lambda row: row.at)

    def _merge(self, known: tuple[Any, ...], more: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the sorted union; equal tuples are one object, to save memory."""
        if all(each in known for each in more):
            return known
        both: tuple[Any, ...] = self._intern(tuple(sorted({*known, *more})))
        return both

    def _intern(self, thing: Any) -> Any:
        # By type, since True == 1.0.
        return self._same.setdefault((type(thing), thing), thing)

    def _store_text(self, text: Any) -> int | None:
        if self.texts is None:
            return None
        self.texts.extend([text])
        self._inputs += 1
        return self._inputs - 1


def _observation_row(home: str, trace: LangfuseTrace, own: Observation | None, scores: LatestScores) -> TraceRow:
    """Return the row of a scored observation; missing facts are those of its trace."""
    if own is None:
        return TraceRow(trace.at, home, trace, trace.models, trace.prompts, scores, False)
    models = (own.model,) if own.model else trace.models
    return TraceRow(own.at, home, trace, models, own.prompts or trace.prompts, scores, False)


def _internal(environment: str | None) -> bool:
    return (environment or "").startswith(_INTERNAL)
