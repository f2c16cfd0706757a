"""Two prompts side by side: complete, with differences marked by word."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from console.domain.side_by_side import diff_rows, lines_of, unfilled
from ratchet.prompt import from_text, readable

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{"), max_size=200)


def document(text: str) -> dict[str, Any]:
    return from_text(text).to_dict()


def test_only_changed_words_are_marked() -> None:
    [changed] = [
        row
        for row in diff_rows(document("Answer in one sentence."), document("Answer in two sentences."))
        if row.kind == "changed"
    ]
    assert changed.before is not None
    assert changed.after is not None
    assert [text for text, differs in changed.before.parts if differs] == ["one", "sentence"]
    assert [text for text, differs in changed.after.parts if differs] == ["two", "sentences"]


def test_restored_line_is_one_added_line() -> None:
    found = diff_rows(document("A.\nC."), document("A.\nCite the page.\nC."))
    assert [row.kind for row in found if row.kind != "same"] == ["added"]
    assert found[0].skipped > 0


def test_unrelated_lines_are_not_paired() -> None:
    kinds = [row.kind for row in diff_rows(document("Be brief and kind."), document("Zitiere jede Quelle!"), 0)]
    assert kinds == ["removed", "added"]


def test_first_version_is_entirely_added() -> None:
    assert {row.kind for row in diff_rows(None, document("Hello."))} == {"added"}


def test_a_document_of_another_schema_is_still_shown() -> None:
    assert any(
        "tomorrow<U+202E>" in line for line in lines_of({"schema": "ratchet.prompt/9", "text": "tomorrow\u202e"})
    )


@given(TEXTS, TEXTS)
def test_both_sides_can_be_reconstructed(before: str, after: str) -> None:
    left, right = document("x" + before), document("x" + after)
    found = diff_rows(left, right, context=10_000)

    def side(name: str) -> list[str]:
        lines = [line for row in found if (line := getattr(row, name)) is not None]
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))
        return ["".join(text for text, _ in line.parts) for line in lines]

    if left != right:
        assert (side("before"), side("after")) == (lines_of(left), lines_of(right))
        assert lines_of(left) == readable(from_text("x" + before))
    else:
        assert found == []


def test_variables_unknown_to_apps_are_named() -> None:
    assert unfilled(document("Hello"), document("Hello {{name}}")) == ["it needs the variable name"]
    assert unfilled(document("Hello {{name}}"), document("Hello")) == []
    assert unfilled(None, document("Hello {{name}}")) == [], "a first version replaces nothing"
    assert unfilled({"schema": "ratchet.prompt/9"}, document("Hello {{name}}")) == [], "of a later schema"
