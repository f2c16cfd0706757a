"""`ratchet erase`: erase a user everywhere."""

import time
from typing import Annotated, Any

import typer

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, Exit, as_json, fail, line
from ratchet.cli.session import get, post

_POLL_S = 1.0
_QUESTION = "Erase everything of user {user}, for good, in all environments, and drop what arrives about them later?"


def erase(
    user: Annotated[str, typer.Argument(help="The app's own id of the user, which is hashed by the server.")],
    hashed: Annotated[
        bool, typer.Option("--hash", help="USER is the hash that executions show, such as k1:0f….")
    ] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until all services are done.")] = 0.0,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Erase a user: executions, feedback, few-shot examples and archived files. This cannot be undone.

    Exit code 5 if a service is not done after --wait. `ratchet erasure ID` shows how far it is.
    """
    confirm(_QUESTION.format(user=user), yes)
    answer = post("admin", "/v1/erasures", {"user_hash" if hashed else "user_id": user})
    until = time.monotonic() + wait
    while not answer["complete"] and time.monotonic() < until:
        time.sleep(_POLL_S)
        answer = get("admin", f"/v1/erasures/{answer['id']}")
    _show(answer, json)
    if wait and not answer["complete"]:
        fail(f"not complete after {wait:g} s: {', '.join(answer['waits_for'])} did not report yet", Exit.UNFINISHED)


def erasure(erasure_id: Annotated[str, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Show what each service has erased, and which are still at work."""
    _show(get("admin", f"/v1/erasures/{erasure_id}"), json)


def _show(answer: dict[str, Any], json: bool) -> None:
    if json:
        as_json(answer)
        return
    line(f"erasure {answer['id']}: {'complete' if answer['complete'] else 'in progress'}")
    for service in answer["services"]:
        erased = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in service["erased"].items() if count)
        line(f"  {service['service']}: {erased or 'nothing'}{'' if service['completed_at'] else ' (not done yet)'}")
