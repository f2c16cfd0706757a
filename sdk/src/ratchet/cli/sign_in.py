"""The command `ratchet sign-in`."""

from typing import Annotated

import typer

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.credentials import Role
from ratchet.cli.output import AsJson, as_json, line
from ratchet.cli.session import credentials, session


def sign_in(
    person: Annotated[str | None, typer.Option("--for", help="For another person; needs an admin's key.")] = None,
    role: Annotated[str, typer.Option(help="viewer, operator, reviewer or admin; at most that of the key.")] = "admin",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Print a link that signs in to the console, once and within 30 minutes."""
    if person is not None:
        confirm(f"Create a link that signs in {person} as {role}?", yes)
    key: Role = "reviewer" if person is None else "admin"
    with session(key) as server:
        subject = person or server.get("/v1/session")["subject"]
        made = server.post("/v1/sign-in-links", {"subject": subject, "role": role})
    link = f"{credentials(key).url}{made['path']}"
    if json:
        as_json({**made, "link": link})
    else:
        line(link)
