"""Commands that decide: yes, no, back, stop, go on, and standing permissions."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ratchet.cli.confirmation import Yes, asks, confirm
from ratchet.cli.output import AsJson, as_json, fail, line, show
from ratchet.cli.proposal_view import show_proposal, show_rollback
from ratchet.cli.session import get, post

Reason = Annotated[str, typer.Option(help="Why; it stays in the audit log.")]
ProposalId = Annotated[str, typer.Argument(help="The proposal's id.")]

_HALTED = "stopped from the command line"
_MAX_REASON = 2000
"""Characters; `halt` shortens a longer reason, so that a halt is never refused for its wording."""

grants = typer.Typer(invoke_without_command=True, help="Standing permissions for few-shot slots: list, give, revoke.")


def approve(
    proposal_id: ProposalId,
    digest: Annotated[str | None, typer.Option(help="Approve only if this is what it proposes.")] = None,
    reason: Reason = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Make a proposal live: exactly what is shown. Goes live only after a y on a terminal, or with --yes."""
    found = get("reviewer", _proposal(proposal_id))
    if digest not in (None, found["digest"]):
        fail(f"it proposes {found['digest']}, not {digest}")
    if asks(yes):
        show_proposal(found, err=True)
    confirm("Make this live?", yes)
    body = {"verdict": "approved", "reason": reason, "digest": found["digest"]}
    answer = post("reviewer", _proposal(proposal_id) + "/decisions", body)
    live: dict[str, Any] = answer.get("live") or {}
    _tell(answer, json, f"live: {live.get('name')} {live.get('digest')} (sequence {live.get('sequence')})")


def reject(
    proposal_id: ProposalId,
    reason: Annotated[str, typer.Option(help="Why; it stays in the audit log.")],
    changes: Annotated[bool, typer.Option("--changes", help="Ask for changes instead of a plain no.")] = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Say no to a proposal, or ask for changes."""
    found = get("reviewer", _proposal(proposal_id))
    if asks(yes):
        show_proposal(found, err=True)
    confirm("Ask for changes?" if changes else "Reject this?", yes)
    verdict = "changes_requested" if changes else "rejected"
    body = {"verdict": verdict, "reason": reason, "digest": found["digest"]}
    answer = post("reviewer", _proposal(proposal_id) + "/decisions", body)
    _tell(answer, json, f"{verdict}: {proposal_id}")


def rollback(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    to: Annotated[str | None, typer.Option(help="The digest to go back to; the version before by default.")] = None,
    reason: Reason = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Go back to a version that was live before. Works while the loop is halted."""
    if asks(yes):
        to = show_rollback(name, to)
    confirm("Make this live?", yes)
    answer = post("reviewer", f"/v1/prompts/{quote(name, safe='')}/rollback", {"to_digest": to, "reason": reason})
    _tell(answer, json, f"live: {name} {answer.get('digest')} (sequence {answer.get('sequence')})")


def archive(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    reason: Annotated[str, typer.Option(help="Why; it stays in the audit log.")],
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Take an unused prompt out of the lists. Apps are served as before; whatever goes live brings it back."""
    confirm(f"Archive {name}? What apps are served does not change.", yes)
    answer = post("reviewer", f"/v1/prompts/{quote(name, safe='')}/archive", {"reason": reason})
    _tell(answer, json, f"archived: {name}")


def halt(reason: Reason = _HALTED, yes: Yes = False, json: AsJson = False) -> None:
    """Stop all promotions in the key's environment, at once: this never asks, with or without --yes. Any person may."""
    body = {"reason": reason[:_MAX_REASON] or _HALTED}
    _tell(post("reviewer", "/v1/halt", body), json, "halted: nothing is promoted until somebody resumes")


def resume(reason: Reason = "resumed from the command line", yes: Yes = False, json: AsJson = False) -> None:
    """Let promotions in the key's environment go on."""
    confirm("Let promotions go on?", yes)
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
    count: Annotated[int, typer.Option(min=1, help="Promotions in all.")] = 20,
    per_hour: Annotated[int, typer.Option(min=1, help="Promotions an hour.")] = 10,
    hours: Annotated[float, typer.Option(min=0.01, max=8760, help="Lifetime in hours, at most 365 days.")] = 24,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Let few-shot examples for one slot go live without a decision each."""
    bounds = f"{count} times in all, {per_hour} an hour, for {hours:g} hours"
    confirm(f"Let examples for {name} / {slot} go live without a decision each, {bounds}?", yes)
    expires_at = datetime.now(UTC) + timedelta(hours=hours)
    body = {"name": name, "slot": slot, "count": count, "per_hour": per_hour, "expires_at": expires_at.isoformat()}
    answer = post("reviewer", "/v1/grants", body)
    _tell(answer, json, f"given: {answer.get('id')}")


@grants.command()
def revoke(
    grant_id: Annotated[str, typer.Argument(help="The grant's id.")],
    reason: Reason = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """End a grant, and take every example back that came in by it."""
    confirm(f"Revoke the grant {grant_id} and every example that came in by it?", yes)
    answer = post("reviewer", f"/v1/grants/{quote(grant_id, safe='')}/revoke", {"reason": reason})
    _tell(answer, json, f"revoked: {grant_id}")


def _proposal(proposal_id: str) -> str:
    return f"/v1/proposals/{quote(proposal_id, safe='')}"


def _tell(answer: dict[str, Any], json: bool, said: str) -> None:
    if json:
        as_json(answer)
    else:
        line(said)
