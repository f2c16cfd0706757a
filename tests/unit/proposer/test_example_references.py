"""References to example sets in JSON files: one value changes, and nothing else of the file."""

import json
from typing import Any

import pytest

from proposer.domain.json_strings import UnusableFile, replace_value
from proposer.domain.prompt_files import ChangedElsewhere, apply_proposal
from proposer.domain.prompt_homes import FileFormat, PromptHome
from ratchet.prompt import Prompt, with_slot
from tests.support.proposer import KEY, prompt, slotted

OLD, NEW = (f"sha256:{digit * 64}" for digit in "ab")
BASE = with_slot(slotted(), "examples", OLD)


def home(form: FileFormat = "json") -> PromptHome:
    return PromptHome(KEY, "forge", "acme/app", "main", "prompts/answer.json", form, ("prompts/*",))


def apply(document: Any, base: Prompt = BASE, form: FileFormat = "json") -> bytes:
    return apply_proposal(json.dumps(document, indent=1).encode(), home(form), base, with_slot(base, "examples", NEW))


@pytest.mark.parametrize("base", [BASE, slotted()])
def test_only_the_reference_changes(base: Prompt) -> None:
    document = {"owner": None, "note": OLD, "prompts": [{"a/b": base.to_dict()}]}
    changed = apply(document, base)
    document["prompts"][0]["a/b"] = with_slot(base, "examples", NEW).to_dict()  # type: ignore[index]
    assert changed == json.dumps(document, indent=1).encode()


def test_other_files_have_no_place_for_a_reference() -> None:
    with pytest.raises(UnusableFile, match="only fits into a JSON file"):
        apply(BASE.to_dict(), form="text")


@pytest.mark.parametrize("found", [{}, prompt("Another one.").to_dict(), {"messages": 3}, slotted().to_dict()])
def test_a_file_without_the_replaced_document_is_left(found: dict[str, Any]) -> None:
    with pytest.raises(ChangedElsewhere):
        apply(found)


def test_two_such_documents_are_ambiguous() -> None:
    with pytest.raises(UnusableFile, match="several documents"):
        apply([BASE.to_dict(), BASE.to_dict()])


def test_a_file_of_many_equal_values_takes_no_long_time() -> None:
    with pytest.raises(UnusableFile, match="can't be replaced alone"):
        replace_value(json.dumps([None] * 100_000), "/99999", NEW)
