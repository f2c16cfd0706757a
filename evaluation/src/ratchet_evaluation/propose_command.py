"""`ratchet dataset propose`: propose golden cases from recorded executions."""

import json as json_text
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, Exit, as_json, fail, line, table
from ratchet.cli.session import Session, session
from ratchet_evaluation import command_options as flags
from ratchet_evaluation.command_inputs import dataset_path

if TYPE_CHECKING:
    from ratchet.case_drafts import CaseQuery

_MOST_SHOWN = 20


def propose(
    name: flags.ServerDataset,
    source: flags.CaseSourceName,
    metric: flags.ScoredBy = None,
    limit: flags.GoodLimit = None,
    within: flags.NearLimit = 0.1,
    since: flags.Since = None,
    until: flags.Until = None,
    most: flags.MostCases = 50,
    evaluator: flags.Evaluators = None,
    with_contexts: flags.WithContexts = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Propose cases from the newest executions of a dataset's target that people did not like, or that are borderline.

    Each has the execution as its origin, and the user's hash, so that an erasure reaches it. A corrected one has the
    correction as its reference, and without --evaluator must be similar to it; other sources need --evaluator. A person
    accepts or rejects each case, and sees those that are nearly equal.
    """
    query = _query(source, metric, limit, within)
    specs = _specs(evaluator or [])
    if not specs and source != "correction":
        fail("--evaluator is missing: only the source correction can do without one", Exit.USAGE)
    with session("maker") as server:
        target = server.get(dataset_path(name))["target"]
        filters = {"target": target, "since": since, "until": until, **query.filters()}
        cases = list(islice(_drafts(_executions(server, filters), query, specs, with_contexts), most))
        if not cases:
            fail(f"no execution of {target} matches", Exit.NOT_FOUND)
        confirm(f"Propose {len(cases)} cases for {name}?", yes)
        found = server.post(f"{dataset_path(name)}/cases", {"cases": cases}, timeout=120.0)
    if json:
        as_json(found)
    else:
        _print(name, found)


def _query(source: str, metric: str | None, limit: float | None, within: float) -> "CaseQuery":
    from ratchet.case_drafts import SOURCES, CaseQuery

    chosen = next((each for each in SOURCES if each == source), None)
    if chosen is None:
        fail(f"--from: {source} is none of {', '.join(SOURCES)}", Exit.USAGE)
    query = CaseQuery(chosen, metric, limit, within)
    try:
        query.filters()
    except ValueError as error:
        fail(f"--metric and --limit: {error}", Exit.USAGE)
    return query


def _specs(evaluators: list[str]) -> list[dict[str, Any]]:
    from ratchet_evaluation.domain.case_fields import CaseError
    from ratchet_evaluation.evaluator_flags import parse_evaluator_flags

    try:
        return [spec.to_json() for spec in parse_evaluator_flags(evaluators)]
    except CaseError as error:
        fail(str(error), Exit.USAGE)


def _executions(server: Session, filters: dict[str, object]) -> Iterator[dict[str, Any]]:
    """Yield executions with their feedback, newest first, as they arrive."""
    rest = b""
    for chunk in server.stream("/v1/executions/export", **filters):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(json_text.loads, lines)


def _drafts(
    executions: Iterable[dict[str, Any]], query: "CaseQuery", specs: list[dict[str, Any]], with_contexts: bool
) -> Iterator[dict[str, Any]]:
    from ratchet.case_drafts import draft_case

    for execution in executions:
        case = draft_case(execution, query.source, specs, with_contexts) if query.matches(execution) else None
        if case is not None:
            yield case


def _print(name: str, found: dict[str, Any]) -> None:
    line(f"{name}: {found['added']} cases proposed, {found['repeated']} were there already")
    if found["near_duplicates"]:
        line("nearly equal to cases that the dataset has:")
        pairs = found["near_duplicates"][:_MOST_SHOWN]
        table(("case", "case", "similarity"), [(it["first"], it["second"], it["similarity"]) for it in pairs])
    if found["problems"]:
        refused = [(it["line"], it["field"], it["reason"]) for it in found["problems"][:_MOST_SHOWN]]
        table(("case", "field", "reason"), refused)
        fail(f"{len(found['problems'])} cases were refused", Exit.FAILED)
