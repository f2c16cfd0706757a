"""Hunks between two prompts: each choice of them is a prompt; none make the good one, all the bad one."""

from hypothesis import given
from hypothesis import strategies as st

from ratchet.prompt import Prompt, from_text, parse
from ratchet_evaluation.domain.prompt_hunks import PromptHunks

LINES = st.lists(st.sampled_from(["Cite.", "Be brief.", "Be friendly.", "", "Say so."]), min_size=1, max_size=6)


def prompt(*lines: str, **fields: object) -> Prompt:
    return parse(
        {"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "\n".join(lines)}], **fields}
    )


@given(LINES, LINES, st.sets(st.integers(0, 11)))
def test_every_choice_of_hunks_is_a_prompt(good: list[str], bad: list[str], chosen: set[int]) -> None:
    before, after = prompt(*good), prompt(*bad)
    found = PromptHunks(before, after)
    count = len(found.hunks)
    assert found.apply([]) == before
    assert found.apply(range(count)) == after
    some = {index for index in chosen if index < count}
    mixed = found.apply(some)
    assert PromptHunks(before, mixed).apply([]) == before
    assert (count == 0) == (before == after)


def test_each_changed_line_is_a_hunk() -> None:
    found = PromptHunks(prompt("Cite.", "Be brief.", "Say so."), prompt("Be very brief.", "Say so.", "Sound sure."))
    assert [(hunk.before, hunk.after) for hunk in found.hunks] == [
        ("Cite.", "Be very brief."),
        ("Be brief.", None),
        (None, "Sound sure."),
    ]
    assert found.apply([2]) == prompt("Cite.", "Be brief.", "Say so.", "Sound sure.")
    assert found.hunks[2].path == "messages[0] line 4"


def test_model_is_a_hunk_of_its_own() -> None:
    found = PromptHunks(prompt("Cite.", model="a"), prompt("Cite!", model="b"))
    assert [hunk.path for hunk in found.hunks] == ["messages[0] line 1", "model"]
    assert found.apply([1]) == prompt("Cite.", model="b")


def test_messages_that_are_added_or_moved_are_one_hunk() -> None:
    bad = parse(
        {
            "schema": "ratchet.prompt/1",
            "messages": [{"role": "system", "content": "Cite."}, {"role": "user", "content": "{{question}}"}],
            "variables": {"question": {"type": "string"}},
        }
    )
    found = PromptHunks(from_text("Cite."), bad)
    assert [hunk.path for hunk in found.hunks] == ["messages"]
    assert (found.apply([]), found.apply([0])) == (from_text("Cite."), bad)
