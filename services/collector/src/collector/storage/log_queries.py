"""SQL that searches the execution log: conditions of a filter, newest executions first.

DuckDB runs it over the archive, too (`archive.archive_queries`).
"""

from collections.abc import Iterator

from collector.domain.execution_filter import ExecutionFilter, MetricRange
from shared.events.feedback import US_DOLLARS
from shared.metric_catalog import cost_currency

Condition = tuple[str, dict[str, object]]
"""A SQL condition and its parameters."""

# Feedback that another one of the same user, kind and name has replaced does not count.
_REPLACED = """EXISTS (SELECT FROM collector.feedback_log AS newer
    WHERE (newer.reference, newer.replaces) = (f.reference, f.feedback_id))"""
_WITH_SCORE = f"""EXISTS (SELECT FROM collector.feedback_log AS f WHERE f.reference = e.reference
    AND f.metric = :metric AND f.value BETWEEN :low AND :high AND NOT {_REPLACED})"""
_EQUAL = {
    "model": "model",
    "arm": "arm",
    "outcome": "outcome",
    "user": "user_hash",
    "session": "session",
    "trace_id": "trace_id",
}
"""Field of the filter → column of an execution."""

_LIST = """
SELECT {columns} FROM collector.execution_log AS e
WHERE {scope} AND {conditions} ORDER BY e.occurred_at DESC, e.reference DESC LIMIT {limit}"""

# Executions with some feedback are found from the feedback, in the same order: it may be about few of them.
_LIST_BY_FEEDBACK = """
SELECT DISTINCT ON (f.executed_at, f.reference) {columns}
FROM collector.feedback_log AS f JOIN collector.execution_log AS e ON e.reference = f.reference
WHERE {scope} AND {feedback} AND {conditions} ORDER BY f.executed_at DESC, f.reference DESC LIMIT {limit}"""

VERSION_PERIOD = """
SELECT min(first_at) AS first_at, max(last_at) AS last_at FROM collector.logged_versions
WHERE project = :project AND environment = :environment AND version = :version
  AND (CAST(:target AS text) IS NULL OR target = :target)"""

LIST_FEEDBACK = f"""
SELECT f.*, {_REPLACED} AS replaced
FROM collector.feedback_log AS f WHERE f.reference = ANY(CAST(:references AS uuid[]))
ORDER BY f.occurred_at, f.feedback_id"""

# All feedback about a trace or session: it is stored with its first execution. The newest are enough.
LIST_SUBJECT_FEEDBACK = f"""
SELECT f.*, {_REPLACED} AS replaced
FROM collector.feedback_log AS f WHERE f.subject = CAST(:subject AS uuid)
ORDER BY f.occurred_at DESC, f.feedback_id LIMIT 200"""

GET_EXECUTION = "SELECT reference, occurred_at, body FROM collector.execution_log WHERE reference = :reference"


def list_statement(
    wanted: ExecutionFilter, after: bool, limit: int, *, bodies: bool = True
) -> tuple[str, dict[str, object]]:
    """Return the statement of a page and its parameters; with `after`, it has `at` and `reference`, too.

    Without `bodies`, its rows are keys: `reference` and `occurred_at`.
    """
    feedback, executions = list(_feedback(wanted)), list(_executions(wanted))
    template, alias, time = (_LIST_BY_FEEDBACK, "f", "executed_at") if feedback else (_LIST, "e", "occurred_at")
    scope = list(_scope(wanted, alias, time))
    if after:
        scope.append((f"({alias}.{time}, {alias}.reference) < (:at, :reference)", {}))
    columns = "e.reference, e.occurred_at, e.body" if bodies else "e.reference, e.occurred_at"
    statement = template.format(
        columns=columns, scope=_joined(scope), feedback=_joined(feedback), conditions=_joined(executions), limit=limit
    )
    return statement, {name: value for _, given in (*scope, *feedback, *executions) for name, value in given.items()}


def _joined(conditions: list[Condition]) -> str:
    return " AND ".join(condition for condition, _ in conditions) or "true"


def _scope(wanted: ExecutionFilter, alias: str, time: str) -> Iterator[Condition]:
    """Yield the conditions that executions and feedback have in common."""
    for field in ("project", "environment", "target"):
        if (value := getattr(wanted, field)) is not None:
            yield f"{alias}.{field} = :{field}", {field: value}
    if wanted.since is not None:
        yield f"{alias}.{time} >= :since", {"since": wanted.since}
    if wanted.until is not None:
        yield f"{alias}.{time} < :until", {"until": wanted.until}


def _executions(wanted: ExecutionFilter) -> Iterator[Condition]:
    for field, name in _EQUAL.items():
        if (value := getattr(wanted, field)) is not None:
            yield f"e.{name} = :{field}", {field: value}
    if wanted.version is not None:
        yield "CAST(:version AS text) = ANY(e.versions)", {"version": wanted.version}
    if wanted.tool is not None:
        yield "CAST(:tool AS text) = ANY(e.tools)", {"tool": wanted.tool}
    if wanted.feedback == "none":
        yield "NOT EXISTS (SELECT FROM collector.feedback_log AS f WHERE f.reference = e.reference)", {}
    metric = wanted.metric
    if metric is not None and metric.of_execution:
        yield from _numbers(metric)
    elif metric is not None and metric.score is not None:
        own = "CAST(e.scores ->> CAST(:score AS text) AS float8) BETWEEN :low AND :high"
        yield f"({own} OR {_WITH_SCORE})", {**_bounds(metric), "metric": metric.metric, "score": metric.score}


def _numbers(metric: MetricRange) -> Iterator[Condition]:
    """Yield the conditions on a number of an execution: a cost is in one currency."""
    currency = cost_currency(metric.metric)
    if currency is not None:
        known = None if currency == US_DOLLARS else currency
        yield "e.currency IS NOT DISTINCT FROM CAST(:currency AS text)", {"currency": known}
    column = metric.metric if currency is None else "cost"
    yield f"e.{column} BETWEEN CAST(:low AS float8) AND CAST(:high AS float8)", _bounds(metric)


def _feedback(wanted: ExecutionFilter) -> Iterator[Condition]:
    """Yield the conditions that some current feedback of an execution must meet; none if it needs no feedback."""
    kind = None if wanted.feedback == "none" else wanted.feedback
    metric = wanted.metric
    if metric is not None and (metric.of_execution or metric.score is not None):
        metric = None
    if kind is None and metric is None:
        return
    yield f"NOT {_REPLACED}", {}
    if kind is not None and kind != "any":
        yield "f.kind = :kind", {"kind": kind}
    if metric is not None:
        yield "f.metric = :metric AND f.value BETWEEN :low AND :high", {**_bounds(metric), "metric": metric.metric}


def _bounds(metric: MetricRange) -> dict[str, object]:
    low = float("-inf") if metric.low is None else metric.low
    return {"low": low, "high": float("inf") if metric.high is None else metric.high}
