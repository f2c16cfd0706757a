"""`ratchet dataset`: its commands; a file without a command is checked."""

from typing import Any

import typer
from typer.core import TyperGroup

from ratchet_evaluation.dataset_command import check
from ratchet_evaluation.propose_command import propose
from ratchet_evaluation.server_dataset_command import augment, publish, pull, push
from ratchet_evaluation.training_commands import export_pairs, export_sft


class CheckByDefault(TyperGroup):
    """A group of commands that takes words without a command as those of `check`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {*self.commands, "--help"}
        return super().parse_args(ctx, args if not args or args[0] in known else ["check", *args])


dataset = typer.Typer(
    cls=CheckByDefault,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Golden cases: check a file, and exchange cases with a dataset on the server.",
)
dataset.command()(check)
dataset.command()(push)
dataset.command()(propose)
dataset.command()(augment)
dataset.command()(publish)
dataset.command()(pull)
dataset.command()(export_pairs)
dataset.command()(export_sft)
