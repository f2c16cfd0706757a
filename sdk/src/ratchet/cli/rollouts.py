"""Commands about gradual rollouts: list, show, advance, pause, resume, roll back; and the plan of an approval."""

import json as json_format
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, Exit, as_json, fail, line, show
from ratchet.cli.session import get, post

NAMED_PLANS = ("at-once", "canary", "48h-at-5")
RolloutId = Annotated[str, typer.Argument(help="The rollout's id.")]
Reason = Annotated[str, typer.Option(help="Reason, stored in the audit log.")]

rollouts = typer.Typer(
    invoke_without_command=True,
    help="Gradual rollouts of approved candidates: list, show, advance, pause, resume, rollback.",
)


@rollouts.callback()
def list_rollouts(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Only those of this prompt.")] = None,
    json: AsJson = False,
) -> None:
    """List the newest rollouts with their states."""
    if context.invoked_subcommand is None:
        columns = {
            "id": "id", "prompt": "name", "state": "state", "step": "step", "of 10,000": "weight",
            "since": "since", "by": "by", "message": "message",
        }  # fmt: skip
        show(get("maker", "/v1/rollouts", name=name), json, columns)


@rollouts.command("show")
def show_rollout(rollout_id: RolloutId, json: AsJson = False) -> None:
    """Show what was measured of both arms, what the plan says about it, and all changes."""
    found = get("maker", _path(rollout_id))
    if json:
        as_json(found)
        return
    now = found["assessment"]
    line(f"{found['name']}: {found['state']}, step {found['step'] + 1} of {len(found['plan']['steps'])} + all traffic")
    line(f"candidate {found['candidate_digest']} gets {found['weight'] / 100:g} %")
    line(f"now: {now['phase']}: {now['message']}")
    line("executions: " + ", ".join(f"{arm} {count}" for arm, count in now["arms"].items()))
    for change in found["changes"]:
        line(f"{change['at']} {change['kind']} by {change['by']}: {change['message']}")


@rollouts.command()
def advance(rollout_id: RolloutId, reason: Reason = "", yes: Yes = False, json: AsJson = False) -> None:
    """Go to the next step of the plan without waiting for its evidence. The author of the proposal can't."""
    _change(rollout_id, "advance", "Give the candidate more traffic without the plan's evidence?", reason, yes, json)


@rollouts.command()
def pause(rollout_id: RolloutId, reason: Reason = "", yes: Yes = False, json: AsJson = False) -> None:
    """Keep the present shares until a reviewer resumes. Evidence of harm still rolls back."""
    _change(rollout_id, "pause", "Pause this rollout?", reason, yes, json)


@rollouts.command()
def resume(rollout_id: RolloutId, reason: Reason = "", yes: Yes = False, json: AsJson = False) -> None:
    """Resume a paused rollout. The author of the proposal can't."""
    _change(rollout_id, "resume", "Resume this rollout?", reason, yes, json)


@rollouts.command()
def rollback(rollout_id: RolloutId, reason: Reason = "", yes: Yes = False, json: AsJson = False) -> None:
    """Serve the base to all again, which ends the rollout. Works while the kill switch is on."""
    _change(rollout_id, "rollback", "Serve the base to all again?", reason, yes, json)


def read_plan(given: str | None) -> Any:
    """Return the plan of an approval: a name, or the content of a JSON file. Ends the command for anything else."""
    if given is None or given in NAMED_PLANS:
        return given
    try:
        return json_format.loads(Path(given).read_bytes())
    except (OSError, ValueError) as error:
        names = ", ".join(NAMED_PLANS)
        fail(f"--plan must be {names}, or a JSON file: {error}", Exit.USAGE)


def _change(
    rollout_id: str, change: Literal["advance", "pause", "resume", "rollback"], question: str, reason: str, yes: bool,
    json: bool,
) -> None:  # fmt: skip
    found = get("reviewer", _path(rollout_id))
    line(f"{found['name']}: {found['state']}, {found['weight'] / 100:g} %: {found['assessment']['message']}", err=True)
    confirm(question, yes)
    body = {"revision": found["revision"], "reason": reason}
    answer = post("reviewer", f"{_path(rollout_id)}/{change}", body)
    if json:
        as_json(answer)
    else:
        line(f"{answer['state']}: {answer['name']} at {answer['weight'] / 100:g} %")


def _path(rollout_id: str) -> str:
    return f"/v1/rollouts/{quote(rollout_id, safe='')}"
