"""`ratchet keys`: the API keys of apps and services."""

from typing import Annotated
from urllib.parse import quote

import typer

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, as_json, line, table
from ratchet.cli.session import get, post

keys = typer.Typer(no_args_is_help=True, help="API keys of apps and services; issuing and revoking needs an admin.")


@keys.command("list")
def list_keys(json: AsJson = False) -> None:
    """List the valid keys of the environment, without those of sessions and without their secrets."""
    found = get("maker", "/v1/keys")
    if json:
        as_json(found)
        return
    rows = (
        (key["id"], key["subject"], key["kind"], " ".join(key["scopes"]), " ".join(key["origins"]) or None)
        for key in found["items"]
    )
    table(["id", "of", "kind", "scopes", "origins"], rows)


@keys.command()
def issue(
    subject: Annotated[str, typer.Argument(help="The app or service that gets the key.")],
    scopes: Annotated[
        list[str], typer.Option("--scope", help="ingest, browser-ingest, evaluate, read or operate; may be repeated.")
    ],
    origins: Annotated[
        list[str] | None,
        typer.Option(
            "--origin",
            help="With browser-ingest: pages of this origin may send feedback, such as https://shop.example; may be "
            "repeated.",
        ),
    ] = None,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Issue a key and print it: it is shown only now."""
    pages = f", for pages of {', '.join(origins)}" if origins else ""
    confirm(f"Issue a key to {subject} with {', '.join(scopes)}{pages}?", yes)
    made = post("admin", "/v1/keys", {"subject": subject, "scopes": scopes, "origins": origins or []})
    if json:
        as_json(made)
    else:
        line(f"the key {made['id']} of {made['subject']}, shown only now:", err=True)
        line(made["key"])


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `ratchet keys list` shows it.")],
    reason: Annotated[str, typer.Option(help="Reason, stored in the audit log.")] = "",
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Revoke a key; all services refuse it within seconds."""
    confirm(f"Revoke the key {key_id}?", yes)
    answer = post("admin", f"/v1/keys/{quote(key_id, safe='')}/revoke", {"reason": reason})
    if json:
        as_json(answer)
    else:
        line(f"revoked: {key_id}")
