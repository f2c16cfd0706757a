"""Commands of `ratchet`, run in the test's process."""

from functools import cache
from typing import Any
from unittest.mock import patch

from typer.main import get_command
from typer.testing import CliRunner, Result

from ratchet.cli import app


@cache
def command_tree() -> Any:
    """Return the tree of commands, built once per process: that takes longer than most commands do."""
    return get_command(app)


def run_command(*words: str, **given: Any) -> Result:
    """Run `ratchet` with these words; `given` is as for typer's CliRunner.invoke."""
    with patch("typer.testing._get_command", lambda _: command_tree()):
        return CliRunner().invoke(app, words, **given)
