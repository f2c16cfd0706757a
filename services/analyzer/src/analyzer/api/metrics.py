"""HTTP API of metric definitions, with counted and uncounted values."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.api.access import Reader, Target
from analyzer.api.metric_models import DefinitionView, MetricPage
from analyzer.domain.metrics.declaration import DeclarationBody, find_misfit, is_metric
from analyzer.domain.metrics.definitions import Declared, Definitions, TargetScope
from analyzer.storage.definitions import DefinitionRepository, declaration_to_json
from ratchet.prompt.canonical import Json, canonical_bytes, digest_of
from shared.auth.principal import Principal
from shared.events import Envelope, new_id
from shared.events.metrics import DeclaredMetric, MetricDeclared
from shared.messaging.sql_store import SqlStore
from shared.metric_catalog import BUILT_IN, IMPLICIT_KINDS, Declaration, MetricDefinition
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock
from shared.web.authentication import require
from shared.web.correlation import correlation_id
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

_UNKNOWN = problems({404: ["metric-unknown"]})
Tuner = Annotated[Principal, Depends(require("tune", "admin"))]


def metrics_router(engine: AsyncEngine, store: SqlStore, clock: Clock, source: str) -> APIRouter:
    """Return the routes for the caller's project and environment; `source` is the `ce_source` of emitted events."""
    return combine_routers(_read_routes(engine), _change_routes(store, clock, source))


def _read_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1/metrics", tags=["metrics"])

    @router.get("", responses=describe_response(MetricPage))
    async def list_metrics(
        reader: Reader, target: Target = None, cursor: Cursor = None, limit: LongLimit = 500
    ) -> dict[str, Any]:
        """List each metric of each target with values: definition, number of values `n`, and uncounted values.

        While `direction` is `undeclared`, values are counted and no regression opens.
        """
        keyset = Keyset("metrics", str, str, filters=(reader.project, reader.environment, target))
        after = keyset.decode(cursor)
        async with engine.connect() as conn:
            saved = DefinitionRepository(conn)
            definitions = await saved.get_definitions([(reader.project, reader.environment)])
            counts = await saved.list_counts(reader.project, reader.environment, target)
            missing = await saved.list_uncounted(reader.project, reader.environment, target)
        uncounted = _by_metric(missing)
        keys = sorted({(row.target, row.metric) for row in counts} | uncounted.keys())
        following = [key for key in keys if cursor is None or key > after][:limit]
        n = {(row.target, row.metric, row.generation): int(row.n) for row in counts}

        def view(key: tuple[str, str]) -> dict[str, Any]:
            return _to_view(definitions, TargetScope(reader.project, reader.environment, *key), n, uncounted[key])

        return keyset.page(following, limit, key=lambda key: key, view=view)

    @router.get("/{name:path}", responses=_UNKNOWN | describe_response(DefinitionView))
    async def get_metric(name: str, reader: Reader, target: Target = None) -> dict[str, Any]:
        """Return the definition in force of a metric, for one target or (without `target`) for all."""
        _check_name(name)
        async with engine.connect() as conn:
            definitions = await DefinitionRepository(conn).get_definitions([(reader.project, reader.environment)])
        return _defined(definitions, TargetScope(reader.project, reader.environment, target, name))

    return router


def _change_routes(store: SqlStore, clock: Clock, source: str) -> APIRouter:
    router = APIRouter(prefix="/v1/metrics", tags=["metrics"])

    @router.put("/{name:path}", responses=_UNKNOWN | describe_response(DefinitionView))
    async def put_metric(name: str, tuner: Tuner, body: DeclarationBody, target: Target = None) -> dict[str, Any]:
        """Declare a metric, for one target or for all; `{}` removes the declaration.

        A direction that was undeclared applies to all earlier values, too. Another scale, aggregation or meaning of a
        label restarts the metric, since values before and after it are not comparable.
        """
        _check_name(name)
        if wrong := find_misfit(name, body):
            raise invalid(*wrong)
        scope = TargetScope(tuner.project, tuner.environment, target or None, name)
        async with store.begin() as tx:
            saved = DefinitionRepository(tx.conn)
            await saved.lock_definitions(scope)
            definitions = await saved.get_definitions([scope[:2]])
            declared = next_declaration(definitions, scope, body)
            revision = await saved.save_declaration(scope, declared, tuner.subject)
            now = clock.now()
            event = metric_declared(scope, declared, revision, tuner)
            await tx.emit(Envelope(new_id(now), now, source, event, correlation_id()))
        return _defined(Definitions({**definitions.declared, scope: declared}), scope)

    return router


def next_declaration(definitions: Definitions, scope: TargetScope, body: DeclarationBody) -> Declared:
    """Return the declaration of `body`; with the next generation if values before it are not comparable."""
    former = definitions.declared.get(scope, Declared())
    declared = Declared(body.declaration(), former.generation)
    before = definitions.find(*_names(scope)).definition
    after = Definitions({**definitions.declared, scope: declared}).find(*_names(scope)).definition
    same = _comparable(before) == _comparable(after)
    return declared if same else Declared(declared.declaration, former.generation + 1)


def metric_declared(scope: TargetScope, declared: Declared, revision: int, principal: Principal) -> MetricDeclared:
    """Return the event of a declaration by `principal`."""
    shown: dict[str, Json] = _declared(declared)
    return MetricDeclared(
        project=scope.project,
        environment=scope.environment,
        target=scope.target,
        metric=scope.metric,
        revision=revision,
        declared=DeclaredMetric.model_validate(shown),
        digest=digest_of(canonical_bytes(shown)),
        by=principal.subject,
        key_id=principal.key_id,
    )


def _comparable(definition: MetricDefinition) -> tuple[object, ...]:
    """Return the fields that comparable values have in common."""
    return definition.scale, definition.aggregation, dict(definition.labels)


def _names(scope: TargetScope) -> tuple[str, str, str | None, str]:
    return scope.project, scope.environment, scope.target, scope.metric


def _check_name(name: str) -> None:
    if not is_metric(name):
        raise Problem(
            404,
            "metric-unknown",
            "Unknown metric name",
            "use thumb, rating, label, score or preference, optionally with a name (score.toxicity) and the prefix "
            f"implicit.; implicit. with {', '.join(IMPLICIT_KINDS)}; "
            f"{', '.join(BUILT_IN)}, or cost_ and another currency",
        )


def _defined(definitions: Definitions, scope: TargetScope) -> dict[str, Any]:
    own = definitions.declared.get(scope, Declared())
    return {
        "target": scope.target,
        "metric": scope.metric,
        **describe_definition(definitions.find(*_names(scope)).definition),
        "declared": _declared(own),
    }


def _declared(own: Declared) -> dict[str, Any]:
    """Return a declaration in the form that PUT takes."""
    found = declaration_to_json(own.declaration)
    if "floor" in found:
        found["floor_pp"] = round(100.0 * found.pop("floor"), 6)
    return found


def describe_definition(definition: MetricDefinition) -> dict[str, Any]:
    """Return a definition as the API shows it."""
    return {
        "kind": definition.kind,
        "implicit": definition.implicit,
        "weight": definition.weight,
        "confidence": definition.confidence,
        "direction": definition.direction,
        "origin": definition.origin,
        "unit": definition.unit,
        "scale": list(definition.scale),
        "aggregation": definition.aggregation,
        "floor_pp": round(100.0 * definition.floor, 6),
        "safety": definition.safety,
        "labels": dict(definition.labels),
    }


def _to_view(
    definitions: Definitions,
    scope: TargetScope,
    n: Mapping[tuple[str, str, int], int],
    uncounted: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return a metric of a target; values refused before extraction have neither metric nor definition.

    `declared` is the declaration of the target (`declared_for`), or else the one for all targets.
    """
    target, metric = scope.target or "", scope.metric
    found = definitions.find(*_names(scope))
    own = definitions.declared.get(scope)
    special = own is not None and own.declaration != Declaration()
    general = definitions.declared.get(scope._replace(target=None), Declared())
    return {
        "target": target,
        "metric": metric,
        **(describe_definition(found.definition) if metric else dict.fromkeys(describe_definition(found.definition))),
        "declared": _declared(own if own is not None and special else general),
        "declared_for": target if special else None,
        "n": n.get((target, metric, found.metric.generation), 0),
        "uncounted": list(uncounted),
    }


def _by_metric(rows: Sequence[Any]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row.target, row.metric].append(
            {
                "reason": row.reason,
                "word": row.word or None,
                "n": row.n,
                "low": row.low,
                "high": row.high,
                "latest": row.latest.isoformat(),
            }
        )
    return found
