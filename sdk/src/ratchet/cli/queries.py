"""Commands that read."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ratchet.cli.output import AsJson, as_json, line, show
from ratchet.cli.proposal_view import show_proposal
from ratchet.cli.session import get
from ratchet.formatting import short_digest

Limit = Annotated[int, typer.Option(min=1, max=100, help="Maximum number of results.")]


def regressions(
    state: Annotated[str | None, typer.Option(help="open or resolved")] = None,
    target: Annotated[str | None, typer.Option(help="Only this target.")] = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List regressions, newest first: baseline and current value with n and interval, and the likely cause."""
    show_regressions(get("maker", "/v1/regressions", state=state, target=target, limit=limit), json)


def explain(
    regression_id: Annotated[str, typer.Argument(help="See `ratchet regressions`.")], json: AsJson = False
) -> None:
    """Explain why a regression was detected, and what would resolve it."""
    found = get("maker", f"/v1/regressions/{quote(regression_id, safe='')}")
    if json:
        as_json(found)
        return
    explanation = found["explanation"]
    line(f"{explanation['what']} ({found['state']})")
    for heading, part in (
        ("why it was detected", "reasons"),
        ("likely causes", "causes"),
        ("what would resolve it", "counter_evidence"),
    ):
        line("")
        line(f"{heading}:")
        for sentence in explanation[part]:
            line(f"  {sentence}")


def proposals(
    proposal_id: Annotated[str | None, typer.Argument(help="Show this proposal with all its changes.")] = None,
    state: Annotated[str | None, typer.Option(help="open, approved, rejected, …")] = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List proposals, newest first; or show one with its diff and evidence."""
    if proposal_id is None:
        columns = {
            "id": "id", "prompt": "name", "kind": "kind", "state": "state", "author": "author",
            "why": "evidence.summary", "opened": "opened_at",
        }  # fmt: skip
        show(get("maker", "/v1/proposals", state=state, limit=limit), json, columns)
        return
    found = get("maker", f"/v1/proposals/{quote(proposal_id, safe='')}")
    if json:
        as_json(found)
    else:
        show_proposal(found)


def prompts(
    limit: Limit = 100,
    archived: Annotated[bool, typer.Option("--archived", help="Include archived prompts.")] = False,
    json: AsJson = False,
) -> None:
    """List prompts: the live version, and the number of observed versions that are not reviewed."""
    answer = get("maker", "/v1/prompts", limit=limit, archived="true" if archived else None)
    if not json:
        for item in answer["items"]:
            item["unreviewed"] = sum(not seen.get("reviewed") for seen in item.get("observed", ()))
    columns = {
        "name": "name", "target": "live.target", "live": "live.digest", "sequence": "live.sequence",
        "reason": "live.reason", "by": "live.by", "unreviewed": "unreviewed",
    }  # fmt: skip
    show(answer, json, columns)


def candidates(
    name: Annotated[str | None, typer.Option(help="Only this prompt.")] = None,
    slot: Annotated[str | None, typer.Option(help="The slot for which examples are chosen.")] = None,
    chosen: Annotated[bool, typer.Option("--chosen", help="Only examples that are chosen now.")] = False,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List candidate examples, and whether they are chosen for the slot."""
    columns = {"prompt": "name", "score": "score", "chosen": "chosen", "input": "input", "output": "output"}
    show(
        get("maker", "/v1/candidates", name=name, slot=slot, chosen="true" if chosen else None, limit=limit),
        json,
        columns,
    )


def show_regressions(answer: dict[str, Any], json: bool) -> None:
    """Print regressions as JSON or as a table."""
    if not json:
        for item in answer["items"]:
            item["was"], item["is"] = (format_measurement(item.get(side)) for side in ("baseline", "current"))
            item["change"] = format_change(item)
            item["cause"] = "; ".join(likely(cause) for cause in item.get("causes", ())[:1])
    columns = {
        "id": "regression_id", "state": "state", "target": "target", "metric": "metric", "was": "was", "is": "is",
        "change": "change", "likely cause": "cause",
    }  # fmt: skip
    show(answer, json, columns)


def likely(cause: Mapping[str, Any]) -> str:
    """Return a hypothesised cause as text: `prompt answer: label:1 → label:2`."""
    if cause.get("kind") == "unknown":
        return f"unknown: {cause.get('evidence')}"
    what = f"prompt {cause['name']}" if cause.get("kind") == "prompt_version" else str(cause.get("kind"))
    return f"{what}: {short_digest(cause.get('before'))} → {short_digest(cause.get('after'))}"


def format_change(regression: dict[str, Any]) -> str:
    """Return the change in the metric's own direction; events have a negative sign for worse."""
    points = float(regression.get("delta_pp") or 0.0)
    turned = -points if regression.get("direction") == "lower_is_better" else points
    unit = regression.get("change_unit") or ("%" if regression.get("metric") in ("latency_ms", "cost_usd") else "pp")
    return f"{turned:+.1f} {unit}"


def format_measurement(side: Any) -> str:
    """Return a measurement as text: mean, interval and number of values."""
    if not isinstance(side, dict):
        return "unknown"
    mean, low, high = (figure(side[part]) for part in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}] n={side['n']}"


def figure(value: float) -> str:
    """Return a number with three decimals, or three significant digits where it is below 0.01."""
    return f"{value:.3g}" if 0 < value < 0.01 else f"{value:.3f}"
