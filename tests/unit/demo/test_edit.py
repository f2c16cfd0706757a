"""The demo's edit of its prompt file."""

from pathlib import Path

from ratchet.client.prompts import default_prompt
from ratchet_demo.script import edit_is_due, edit_prompt
from ratchet_demo.story import ensure_prompt


def test_edit_is_made_once_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    assert edit_is_due(file)
    ensure_prompt(file)
    assert edit_is_due(file)
    before = default_prompt(file)
    assert edit_prompt(file)
    assert not edit_is_due(file)
    assert not edit_prompt(file)
    assert default_prompt(file).variables == before.variables
    ensure_prompt(file)
    assert default_prompt(file) != before, "an existing prompt is kept"
