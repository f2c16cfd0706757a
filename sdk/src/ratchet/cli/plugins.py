"""Commands of other packages, found by entry points and imported when they are called."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from ratchet.cli.output import fail

GROUP = "ratchet.commands"
OTHER_PACKAGES = {
    "backtest": "ratchet-backtest",
    "dataset": "ratchet-evaluation",
    "eval": "ratchet-evaluation",
    "worker": "ratchet-evaluation",
}
"""Commands of Ratchet that other distributions contain, by name."""


class Commands(TyperGroup):
    """The SDK's own commands, and those in the entry point group `ratchet.commands`: functions or groups for typer."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *sorted(_found())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        found = _found().get(cmd_name)
        if found is not None:
            return _command(cmd_name, found.load())
        if cmd_name in OTHER_PACKAGES:
            fail(f"{cmd_name} is part of {OTHER_PACKAGES[cmd_name]}: pip install {OTHER_PACKAGES[cmd_name]}")
        return None


def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        return get_command(found)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(found)
    return get_command(alone)
