"""Commands that decide: approve, reject, roll back, archive, halt, resume, and grants."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ratchet.cli.confirmation import Yes, confirm, needs_confirmation
from ratchet.cli.output import AsJson, as_json, fail, line, show
from ratchet.cli.proposal_view import show_proposal, show_rollback
from ratchet.cli.rollouts import read_plan
from ratchet.cli.session import get, post

Reason = Annotated[str, typer.Option(help="Reason, stored in the audit log.")]
ProposalId = Annotated[str, typer.Argument(help="The proposal's id.")]

_HALTED = "stopped from the command line"
_MAX_REASON = 2000
"""Characters; `halt` shortens a longer reason, so that it is never refused because of it."""

grants = typer.Typer(
    invoke_without_command=True,
    help="Grants, which let few-shot examples go live without a decision each: list, give, revoke.",
)


def approve(
    proposal_id: ProposalId,
    digest: Annotated[str | None, typer.Option(help="Approve only if the proposal has this digest.")] = None,
    plan: Annotated[
        str | None, typer.Option(help="How it gets to all traffic: at-once, canary, 48h-at-5, or a JSON file.")
    ] = None,
    reason: Reason = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Approve a proposal and make exactly the shown text live, at once or by a rollout plan, after confirmation."""
    chosen = read_plan(plan)
    found = get("reviewer", _proposal(proposal_id))
    if digest not in (None, found["digest"]):
        fail(f"the proposal has the digest {found['digest']}, not {digest}")
    if needs_confirmation(yes):
        show_proposal(found, err=True)
    gradual = chosen not in (None, "at-once")
    confirm(f"Roll this out by the plan {plan}?" if gradual else "Make this live?", yes)
    body = {"verdict": "approved", "reason": reason, "digest": found["digest"], **_evaluation_of(found)}
    body |= {"rollout_plan": chosen} if gradual else {}
    answer = post("reviewer", _proposal(proposal_id) + "/decisions", body)
    _print_answer(answer, json, _promotion(answer.get("live") or {}))


def _promotion(live: Mapping[str, Any]) -> str:
    """Return what is live now, and the candidate of a rollout with its share."""
    text = f"live: {live.get('name')} {live.get('digest')} (sequence {live.get('sequence')})"
    arms: dict[str, Any] = live.get("rollout") or {}
    share = f", and {arms['digest']} for {arms['weight'] / 100:g} %: rollout {arms['rollout_id']}" if arms else ""
    return text + share


def reject(
    proposal_id: ProposalId,
    reason: Annotated[str, typer.Option(help="Reason, stored in the audit log.")],
    changes: Annotated[bool, typer.Option("--changes", help="Request changes instead of rejecting it.")] = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Reject a proposal, or request changes."""
    found = get("reviewer", _proposal(proposal_id))
    if needs_confirmation(yes):
        show_proposal(found, err=True)
    confirm("Request changes?" if changes else "Reject this?", yes)
    verdict = "changes_requested" if changes else "rejected"
    body = {"verdict": verdict, "reason": reason, "digest": found["digest"]}
    answer = post("reviewer", _proposal(proposal_id) + "/decisions", body)
    _print_answer(answer, json, f"{verdict}: {proposal_id}")


def _evaluation_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of the evaluation report that was shown: the server refuses an approval on another one."""
    evaluation = found.get("evaluation")
    return {"evaluation_digest": evaluation["report_digest"]} if evaluation else {}


def rollback(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    to: Annotated[str | None, typer.Option(help="The digest to roll back to; the previous version by default.")] = None,
    reason: Reason = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Roll back to a version that was live before. Works while the kill switch is on."""
    if needs_confirmation(yes):
        to = show_rollback(name, to)
    confirm("Make this live?", yes)
    answer = post("reviewer", f"/v1/prompts/{quote(name, safe='')}/rollback", {"to_digest": to, "reason": reason})
    _print_answer(answer, json, f"live: {name} {answer.get('digest')} (sequence {answer.get('sequence')})")


def archive(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    reason: Annotated[str, typer.Option(help="Reason, stored in the audit log.")],
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Hide an unused prompt from lists. Apps are still served; it reappears when a version goes live."""
    confirm(f"Archive {name}? Apps are still served the same version.", yes)
    _send(f"/v1/prompts/{quote(name, safe='')}/archive", {"reason": reason}, json, f"archived: {name}")


def halt(reason: Reason = _HALTED, yes: Yes = False, json: AsJson = False) -> None:
    """Stop all promotions in the key's environment at once (kill switch). Never asks for confirmation."""
    body = {"reason": reason[:_MAX_REASON] or _HALTED}
    _send("/v1/halt", body, json, "halted: nothing is promoted until a person resumes")


def resume(reason: Reason = "resumed from the command line", yes: Yes = False, json: AsJson = False) -> None:
    """Allow promotions in the key's environment again."""
    confirm("Allow promotions again?", yes)
    _send("/v1/resume", {"reason": reason}, json, "promotions are allowed again")


@grants.callback()
def list_grants(context: typer.Context, json: AsJson = False) -> None:
    """List all grants, newest first."""
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
    count: Annotated[int, typer.Option(min=1, help="Maximum promotions in total.")] = 20,
    per_hour: Annotated[int, typer.Option(min=1, help="Maximum promotions per hour.")] = 10,
    hours: Annotated[float, typer.Option(min=0.01, max=8760, help="Lifetime in hours, at most 365 days.")] = 24,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Give a grant: few-shot examples for one slot go live without a decision each."""
    bounds = f"{count} times in total, {per_hour} per hour, for {hours:g} hours"
    confirm(f"Let examples for {name} / {slot} go live without a decision each, {bounds}?", yes)
    expires_at = datetime.now(UTC) + timedelta(hours=hours)
    body = {"name": name, "slot": slot, "count": count, "per_hour": per_hour, "expires_at": expires_at.isoformat()}
    answer = post("reviewer", "/v1/grants", body)
    _print_answer(answer, json, f"given: {answer.get('id')}")


@grants.command()
def revoke(
    grant_id: Annotated[str, typer.Argument(help="The grant's id.")],
    reason: Reason = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Revoke a grant and every example that went live by it."""
    confirm(f"Revoke the grant {grant_id} and every example that went live by it?", yes)
    _send(f"/v1/grants/{quote(grant_id, safe='')}/revoke", {"reason": reason}, json, f"revoked: {grant_id}")


def _proposal(proposal_id: str) -> str:
    return f"/v1/proposals/{quote(proposal_id, safe='')}"


def _send(path: str, body: dict[str, Any], json: bool, text: str) -> None:
    """Send a change with the reviewer's key, and print `text` or the answer as JSON."""
    _print_answer(post("reviewer", path, body), json, text)


def _print_answer(answer: dict[str, Any], json: bool, text: str) -> None:
    if json:
        as_json(answer)
    else:
        line(text)
