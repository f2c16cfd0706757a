"""Asking before something is changed: nothing is sent without `--yes` or an explicit yes on a terminal."""

import sys
from typing import Annotated

import typer

from ratchet.cli.output import Exit, fail

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Needed where standard input is no terminal.")]


def confirm(question: str, yes: bool) -> None:
    """Return if `yes`, or if a person on a terminal answers y; else end the command with `Exit.NOT_CONFIRMED`."""
    if yes:
        return
    if not on_terminal():
        fail("not confirmed, nothing was sent: standard input is not a terminal, so pass --yes", Exit.NOT_CONFIRMED)
    try:
        answer = typer.prompt(f"{question} [y/N]", default="", show_default=False, prompt_suffix=" ", err=True)
    except typer.Abort:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        fail("not confirmed, nothing was sent", Exit.NOT_CONFIRMED)


def asks(yes: bool) -> bool:
    """Whether a person is to be asked, who has to see what about."""
    return not yes and on_terminal()


def on_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty()
