"""`ratchet evaluation-rules`: which targets need a passed evaluation before an approval."""

from typing import Annotated, Literal

import typer

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, as_json, line, table
from ratchet.cli.session import get, post

evaluation_rules = typer.Typer(
    no_args_is_help=True, help="Which targets need a passed evaluation before a proposal is approved: list, set."
)
_REASONS = {"default": "size of its golden set"}


@evaluation_rules.command("list")
def list_rules(limit: Annotated[int, typer.Option(min=1, max=1000)] = 1000, json: AsJson = False) -> None:
    """List the targets that have a golden set or a chosen rule."""
    found = get("reviewer", "/v1/evaluation-rules", limit=limit)
    if json:
        as_json(found)
        return
    rows = (
        (item["target"], item["rule"], _REASONS.get(item["chosen"], f"chosen by {item['set_by']}"), item["dataset"],
         item["clusters"])
        for item in found["items"]
    )  # fmt: skip
    table(["target", "evaluation", "because", "golden set", "independent cases"], rows)
    if found["next"]:
        line("more results exist: raise --limit", err=True)


@evaluation_rules.command("set")
def set_rule(
    target: Annotated[str, typer.Argument(help="The app or route that proposals are for.")],
    rule: Annotated[
        Literal["required", "advisory", "default"],
        typer.Argument(help="default: required where a golden set has at least 30 independent cases."),
    ],
    reason: Annotated[str, typer.Option(help="Reason, stored in the audit log.")] = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Choose whether approvals about a target need an evaluation that passed. Needs an admin's key."""
    confirm(f"Evaluations of proposals for {target}: {rule}?", yes)
    answer = post("admin", "/v1/evaluation-rules", {"target": target, "rule": rule, "reason": reason})
    if json:
        as_json(answer)
    else:
        line(f"{target}: {answer['rule']}")
