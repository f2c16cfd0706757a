"""`ratchet agreement`: how well a judge agrees with people. Slow imports are made when the command runs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from ratchet.cli.output import AsJson, Exit, as_json, fail, line, table
from ratchet_evaluation import command_options as flags

if TYPE_CHECKING:
    from ratchet_evaluation.label_files import Row

_NAMES = {"kappa": "Cohen's kappa", "spearman": "Spearman's rho"}


def agreement(
    files: flags.LabelFiles,
    people: flags.PeopleField,
    judge: flags.JudgeFields,
    on: flags.JoinFields = None,
    cluster: flags.ClusterField = None,
    by: flags.GroupField = None,
    good_from: flags.GoodFrom = 0.5,
    min_kappa: flags.MinKappa = None,
    json: AsJson = False,
) -> None:
    """Show how well judges agree with people: on good or bad (Cohen's kappa) and on the order (Spearman).

    Labels are fields of JSON lines. A value of at least --good-from is good; --judge FIELD=VALUE gives a judge its own
    limit. Intervals are at 95 %; with --cluster, values of one document count as dependent.

    Exit codes: 0; with --min-kappa 1 if a judge is shown to be below it, and 6 if that is open; 2 wrong usage.
    """
    from ratchet_evaluation.label_files import LabelError, read_rows

    try:
        rows = read_rows(files, on or [])
        found = [
            _compare(name, rows_of, people, *_limit_of(each, good_from), cluster, good_from)
            for each in judge
            for name, rows_of in _groups(rows, by)
        ]
    except (LabelError, OSError, UnicodeDecodeError) as error:
        fail(str(error), Exit.USAGE)
    if json:
        as_json({"people": people, "good_from": good_from, "judges": found})
    else:
        _print(found, by)
    _decide(found, min_kappa)


def _groups(rows: "Sequence[Row]", by: str | None) -> "list[tuple[str | None, list[Row]]]":
    """Return all rows, and then those of each value of the field `by`."""
    found: dict[str, list[Row]] = {}
    for row in rows if by else ():
        found.setdefault(str(row.get(by or "")), []).append(row)
    return [(None, list(rows)), *sorted(found.items())]


def _limit_of(judge: str, good_from: float) -> tuple[str, float]:
    """Return the field and the limit of `FIELD` or `FIELD=VALUE`."""
    field, separator, limit = judge.rpartition("=")
    try:
        return (field, float(limit)) if separator else (judge, good_from)
    except ValueError:
        return judge, good_from


def _compare(
    group: str | None,
    rows: "Sequence[Row]",
    people: str,
    judge: str,
    judge_from: float,
    cluster: str | None,
    good_from: float,
) -> dict[str, Any]:
    from ratchet_evaluation.domain.statistics.agreement import cohen_kappa, spearman, with_interval
    from ratchet_evaluation.label_files import number_of

    pairs, clusters = [], []
    for number, row in enumerate(rows):
        person, value = number_of(row, people), number_of(row, judge)
        if person is not None and value is not None:
            pairs.append((person, value))
            clusters.append(str(row.get(cluster)) if cluster else str(number))
    labels = [(person >= good_from, value >= judge_from) for person, value in pairs]
    return {
        "judge": judge,
        "good_from": judge_from,
        "group": group,
        "left_out": len(rows) - len(pairs),
        "agreed": sum(a == b for a, b in labels) / len(labels) if labels else None,
        "kappa": asdict(with_interval(cohen_kappa, labels, clusters)),
        "spearman": asdict(with_interval(spearman, pairs, clusters)),
    }


def _print(found: Sequence[dict[str, Any]], by: str | None) -> None:
    columns = ["judge", *([by] if by else []), "n", "same label", _NAMES["kappa"], _NAMES["spearman"]]
    rows = [
        [
            each["judge"],
            *([each["group"] or "all"] if by else []),
            f"{each['kappa']['n']:,}",
            "unknown" if each["agreed"] is None else f"{each['agreed']:.1%}",
            _shown(each["kappa"]),
            _shown(each["spearman"]),
        ]
        for each in found
    ]
    table(columns, rows)
    for each in found:
        if each["left_out"] and each["group"] is None:
            line(f"{each['judge']}: {each['left_out']:,} without both labels are left out")


def _shown(value: dict[str, Any]) -> str:
    if value["value"] is None:
        return "unknown"
    interval = "too few" if value["low"] is None else f"{value['low']:.2f} to {value['high']:.2f}"
    return f"{value['value']:.2f} [{interval}]"


def _decide(found: Sequence[dict[str, Any]], min_kappa: float | None) -> None:
    """End with 1 if a judge is shown to be below the limit, with 6 if one is not shown to reach it."""
    if min_kappa is None:
        return
    kappas = [each["kappa"] for each in found if each["group"] is None]
    if any(kappa["high"] is not None and kappa["high"] < min_kappa for kappa in kappas):
        raise typer.Exit(Exit.FAILED)
    if any(kappa["low"] is None or kappa["low"] < min_kappa for kappa in kappas):
        raise typer.Exit(Exit.UNDECIDED)
