"""Commands that decide: yes, no, back, stop, go on, and standing permissions."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ratchet.cli.output import AsJson, as_json, fail, line, show
from ratchet.cli.reading import show_proposal
from ratchet.cli.session import get, post

Reason = Annotated[str, typer.Option(help="Why; it stays in the audit log.")]
ProposalId = Annotated[str, typer.Argument(help="The proposal's id.")]

grants = typer.Typer(invoke_without_command=True, help="Standing permissions for few-shot slots: list, give, revoke.")


def approve(
    proposal_id: ProposalId,
    digest: Annotated[str | None, typer.Option(help="Approve only if this is what it proposes.")] = None,
    reason: Reason = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Make a proposal live: exactly what is shown. Asks first on a terminal."""
    found = get("reviewer", _proposal(proposal_id))
    if digest not in (None, found["digest"]):
        fail(f"it proposes {found['digest']}, not {digest}")
    if not yes and not json and sys.stdin.isatty():
        show_proposal(found)
        typer.confirm("Make this live?", abort=True)
    body = {"verdict": "approved", "reason": reason, "digest": found["digest"]}
    answer = post("reviewer", _proposal(proposal_id) + "/decisions", body)
    live: dict[str, Any] = answer.get("live") or {}
    _tell(answer, json, f"live: {live.get('name')} {live.get('digest')} (sequence {live.get('sequence')})")


def reject(
    proposal_id: ProposalId,
    reason: Annotated[str, typer.Option(help="Why; it stays in the audit log.")],
    changes: Annotated[bool, typer.Option("--changes", help="Ask for changes instead of a plain no.")] = False,
    json: AsJson = False,
) -> None:
    """Say no to a proposal, or ask for changes."""
    found = get("reviewer", _proposal(proposal_id))
    verdict = "changes_requested" if changes else "rejected"
    body = {"verdict": verdict, "reason": reason, "digest": found["digest"]}
    answer = post("reviewer", _proposal(proposal_id) + "/decisions", body)
    _tell(answer, json, f"{verdict}: {proposal_id}")


def rollback(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    to: Annotated[str | None, typer.Option(help="The digest to go back to; the version before by default.")] = None,
    reason: Reason = "",
    json: AsJson = False,
) -> None:
    """Go back to a version that was live before. Works while the loop is halted."""
    answer = post("reviewer", f"/v1/prompts/{quote(name, safe='')}/rollback", {"to_digest": to, "reason": reason})
    _tell(answer, json, f"live: {name} {answer.get('digest')} (sequence {answer.get('sequence')})")


def halt(reason: Reason = "stopped from the command line", json: AsJson = False) -> None:
    """Stop all promotions. Anybody may."""
    _tell(post("reviewer", "/v1/halt", {"reason": reason}), json, "halted: nothing is promoted until somebody resumes")


def resume(reason: Reason = "resumed from the command line", json: AsJson = False) -> None:
    """Let promotions go on."""
    _tell(post("reviewer", "/v1/resume", {"reason": reason}), json, "promotions go on")


@grants.callback()
def list_grants(context: typer.Context, json: AsJson = False) -> None:
    """All grants, newest first."""
    if context.invoked_subcommand is None:
        columns = {
            "id": "id", "prompt": "name", "slot": "slot", "used": "used", "of": "count", "an hour": "per_hour",
            "until": "expires_at", "by": "given_by",
        }  # fmt: skip
        show(get("maker", "/v1/grants"), json, columns)


@grants.command()
def give(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    slot: Annotated[str, typer.Argument(help="Its few-shot slot.")],
    count: Annotated[int, typer.Option(min=1, help="So many promotions in all.")] = 20,
    per_hour: Annotated[int, typer.Option(min=1, help="So many an hour.")] = 10,
    hours: Annotated[float, typer.Option(min=0.01, help="Ends after so many hours.")] = 24,
    json: AsJson = False,
) -> None:
    """Let few-shot examples for one slot go live without a decision each."""
    expires_at = datetime.now(UTC) + timedelta(hours=hours)
    body = {"name": name, "slot": slot, "count": count, "per_hour": per_hour, "expires_at": expires_at.isoformat()}
    answer = post("reviewer", "/v1/grants", body)
    _tell(answer, json, f"given: {answer.get('id')}")


@grants.command()
def revoke(
    grant_id: Annotated[str, typer.Argument(help="The grant's id.")],
    reason: Reason = "",
    json: AsJson = False,
) -> None:
    """End a grant, and take every example back that came in by it."""
    answer = post("reviewer", f"/v1/grants/{quote(grant_id, safe='')}/revoke", {"reason": reason})
    _tell(answer, json, f"revoked: {grant_id}")


def _proposal(proposal_id: str) -> str:
    return f"/v1/proposals/{quote(proposal_id, safe='')}"


def _tell(answer: dict[str, Any], json: bool, said: str) -> None:
    if json:
        as_json(answer)
    else:
        line(said)
