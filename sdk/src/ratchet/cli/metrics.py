"""`ratchet metrics`: definitions of metrics, counted values, and why others are not counted."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, Exit, as_json, fail, line, table
from ratchet.cli.session import get, session

metrics = typer.Typer(
    no_args_is_help=True, help="Definitions of metrics: direction, scale and labels; values that are not counted."
)

Target = Annotated[str | None, typer.Option(help="Only this target.")]
Words = Annotated[list[str] | None, typer.Option(metavar="WORD", help="Label with this meaning; may be repeated.")]
_DIRECTIONS = {"higher": "higher_is_better", "lower": "lower_is_better"}
_SHOWN = {"higher_is_better": "more is better", "lower_is_better": "less is better", "undeclared": "not declared"}


@metrics.command("list")
def list_metrics(
    target: Target = None, limit: Annotated[int, typer.Option(min=1, max=1000)] = 500, json: AsJson = False
) -> None:
    """List each metric of each target: direction, scale, and the numbers of counted and uncounted values."""
    found = get("maker", "/v1/metrics", target=target, limit=limit)
    if json:
        as_json(found)
        return
    table(
        ["target", "metric", "direction", "scale", "values", "not counted"],
        (
            (
                item["target"] or None,
                item["metric"] or None,
                _SHOWN.get(item["direction"] or ""),
                _scale(item),
                item["n"],
                "; ".join(map(format_uncounted, item["uncounted"])) or None,
            )
            for item in found["items"]
        ),
    )
    if found["next"]:
        line("more results exist: raise --limit", err=True)
    if any(item["direction"] == "undeclared" for item in found["items"]):
        line("a metric without a direction has no alarms: ratchet metrics set NAME --direction higher|lower", err=True)


@metrics.command("set")
def set_metric(
    name: Annotated[str, typer.Argument(help="As `ratchet metrics list` shows it, such as score.toxicity.")],
    target: Target = None,
    direction: Annotated[Literal["higher", "lower"] | None, typer.Option(help="The better end of the scale.")] = None,
    scale: Annotated[str | None, typer.Option(metavar="LOW:HIGH", help="The range of values, such as 0:10.")] = None,
    aggregation: Annotated[
        Literal["mean", "geometric_mean"] | None,
        typer.Option(help="geometric_mean for amounts without upper limit."),
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Shown after values.")] = None,
    floor: Annotated[
        float | None, typer.Option(help="Smallest change that raises an alarm, in points of the scale or percent.")
    ] = None,
    safety: Annotated[bool | None, typer.Option("--safety/--no-safety", help="One bad value raises an alarm.")] = None,
    good: Words = None,
    bad: Words = None,
    neutral: Words = None,
    reset: Annotated[bool, typer.Option("--reset", help="Delete the previous declaration.")] = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Declare a metric; options that are not given keep their declared values.

    A direction also applies to earlier values. Another scale, aggregation or meaning of a label restarts the metric.
    """
    better, ends = _DIRECTIONS[direction] if direction else None, _ends(scale) if scale else None
    options = _given(direction=better, scale=ends, aggregation=aggregation, unit=unit, floor_pp=floor, safety=safety)
    labels = _meanings(good=good, bad=bad, neutral=neutral)
    if not options and not labels and not reset:
        fail("nothing to declare: pass --direction, --scale, --good, … or --reset", Exit.USAGE)
    answer = _declare(name, target, options, labels, reset=reset, yes=yes)
    if json:
        as_json(answer)
    else:
        line(f"{name}: {_SHOWN[answer['direction']]}, {_scale(answer)}")


def _given(**options: object) -> dict[str, Any]:
    return {field: value for field, value in options.items() if value is not None}


def _meanings(**words: list[str] | None) -> dict[str, str]:
    """Return label → meaning. `words`: the labels by meaning."""
    return {word: meaning for meaning, labels in words.items() for word in labels or ()}


def _declare(
    name: str, target: str | None, options: Mapping[str, Any], labels: Mapping[str, str], *, reset: bool, yes: bool
) -> Any:
    """Add the options and labels to the declaration, or to none with `reset`, after confirmation. Return the answer."""
    path = f"/v1/metrics/{quote(name, safe='')}"
    with session("maker") as server:
        before = {} if reset else server.get(path, target=target)["declared"]
        body = {**before, **options}
        if labels:
            body["labels"] = {**before.get("labels", {}), **labels}
        confirm(f"Declare {name} of {target or 'all targets'}: {_describe(body)}?", yes)
        return server.put(path, body, target=target)


def format_uncounted(found: Mapping[str, Any]) -> str:
    """Return a reason as text: `12 out of range (-1 to 8)`, `3 unknown label "a"`."""
    text = f"{found['n']:,} {found['reason'].replace('_', ' ')}"
    if found["word"]:
        return f'{text} "{found["word"]}"'
    return text if found["low"] is None else f"{text} ({found['low']:g} to {found['high']:g})"


def _scale(item: Mapping[str, Any]) -> str | None:
    if not item["scale"]:
        return None
    if item["aggregation"] == "geometric_mean":
        return f"amounts {item['unit']}".strip()
    low, high = item["scale"]
    return f"{low:g} to {high:g}"


def _ends(text: str) -> list[float]:
    low, _, high = text.partition(":")
    try:
        return [float(low), float(high)]
    except ValueError:
        fail(f"--scale: {text!r} must have the form LOW:HIGH, such as 0:10", Exit.USAGE)


def _describe(body: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} {value}" for field, value in body.items()) or "the defaults"
