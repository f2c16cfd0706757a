"""Confirmation: nothing is changed without `--yes` or a yes on a terminal."""

import sys
from typing import Annotated

import typer

from ratchet.cli.output import Exit, fail

Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Don't ask. Required where standard input is not a terminal."),
]


def confirm(question: str, yes: bool) -> None:
    """Return if `yes`, or if a person on a terminal answers y; else end the command with `Exit.UNDECIDED`."""
    if yes:
        return
    if not on_terminal():
        fail("not confirmed, nothing was sent: standard input is not a terminal, so pass --yes", Exit.UNDECIDED)
    try:
        answer = typer.prompt(f"{question} [y/N]", default="", show_default=False, prompt_suffix=" ", err=True)
    except typer.Abort:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        fail("not confirmed, nothing was sent", Exit.UNDECIDED)


def needs_confirmation(yes: bool) -> bool:
    """Tell whether a person will be asked, and so must see what is changed."""
    return not yes and on_terminal()


def on_terminal() -> bool:
    """Tell whether standard input is a terminal."""
    return sys.stdin.isatty()
