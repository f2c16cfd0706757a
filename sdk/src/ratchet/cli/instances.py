"""Command about the instances of apps: which serve what is live."""

from typing import Annotated, Any

import typer

from ratchet.cli.output import AsJson, as_json, line, show
from ratchet.cli.session import get

_COLUMNS = {
    "instance": "instance", "prompt": "name", "state": "state", "sequence": "sequence", "of 10,000": "weight",
    "reason": "refusal", "reported": "reported_at", "client": "sdk",
}  # fmt: skip


def list_instances(
    name: Annotated[str | None, typer.Option(help="Only those that use this prompt.")] = None, json: AsJson = False
) -> None:
    """Show which instances of apps serve what is live, and which don't and why."""
    found = get("maker", "/v1/instances")
    kept = {
        part: [row for row in found[part] if name in (None, row["name"])] for part in ("prompts", "items", "unreported")
    }
    if json:
        as_json({**found, **kept})
        return
    for each in kept["prompts"]:
        line(_summary(each))
    show({"items": kept["items"]}, False, _COLUMNS)
    if kept["unreported"]:
        line(f"{len(kept['unreported'])} more streams of older clients, which don't report", err=True)


def _summary(prompt: dict[str, Any]) -> str:
    text = (
        f"{prompt['name']}: {prompt['serving']} of {prompt['instances']} instances serve version {prompt['sequence']}"
    )
    parts = [f"{prompt[state]} {state}" for state in ("stale", "refusing") if prompt[state]]
    return ", ".join([text, *parts])
