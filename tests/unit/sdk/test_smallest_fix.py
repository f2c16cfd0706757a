"""The smallest fix of a prompt that got worse."""

import pytest

from ratchet.prompt import Fix, Prompt, smallest_fix
from tests.support.proposer import prompt

GOOD = prompt("You are a clerk.", "Cite your sources.", "Be brief.")


@pytest.mark.parametrize(
    ("bad", "fix"),
    [
        (
            prompt("You are a clerk.", "Be brief."),
            Fix("restore", GOOD, "Restores 1 removed line; keeps what was added."),
        ),
        (
            prompt("You are a clerk.", "Never mind sources.", "Be brief."),
            Fix("rollback", GOOD, "Rolls back to the last good version: messages was replaced."),
        ),
        (
            prompt("You are a clerk.", "Cite your sources.", "Be brief.", "Guess if you must."),
            Fix("rollback", GOOD, "Rolls back to the last good version: nothing had been removed."),
        ),
    ],
)
def test_the_smallest_fix(bad: Prompt, fix: Fix) -> None:
    assert smallest_fix(GOOD, bad) == fix


def test_added_lines_are_kept() -> None:
    fix = smallest_fix(GOOD, prompt("You are a clerk.", "Be brief.", "Use emojis."))
    assert fix.prompt == prompt("You are a clerk.", "Cite your sources.", "Be brief.", "Use emojis.")
