"""Fixes that a bisection found, and what the proposal says about them."""

from typing import Any

import pytest

from proposer.domain.bisected_fixes import fixes_found
from proposer.domain.fix_drafts import Draft, draft_fix
from ratchet.prompt import Prompt
from tests.support.proposer import bisected, cause, prompt, regression

GOOD = prompt("You are a clerk.", "Cite your sources.", "Be brief.")
BAD = prompt("You are a clerk.", "Be brief and kind.", "Guess if you must.")
FIX = prompt("You are a clerk.", "Cite your sources.", "Be brief and kind.", "Guess if you must.")
FELL = regression(cause(GOOD.digest, BAD.digest))
KNOWN = {document.digest: document for document in (GOOD, BAD)}


def drafted(**fields: Any) -> Draft:
    found = draft_fix(FELL, KNOWN, None, (), fixes_found([bisected(FELL.regression_id, GOOD, BAD, FIX, **fields)]))
    assert isinstance(found, Draft)
    return found


def test_only_the_changes_that_made_it_worse_are_undone() -> None:
    found = drafted()
    assert (found.kind, found.base, found.result, found.good) == ("restore", BAD, FIX, None)
    assert found.why == (
        "Undoes 1 of 3 changes, which made answers to golden cases worse when they were compared: removing"
        " “Cite your sources.” in messages[0] line 2 (-31 pp, 95 % interval -45 to -18, n=38). Keeps the other 2, which"
        " together differ from the last good version by -1 pp, 95 % interval -8 to +6, n=70."
    )


@pytest.mark.parametrize(
    "fields", [{"outcome": "harmless"}, {"outcome": "undecided"}, {"document": None}, {"digest": BAD.digest}]
)
def test_without_a_verified_result_the_rule_stays(fields: dict[str, Any]) -> None:
    found = drafted(**fields)
    assert (found.kind, found.result, found.good) == ("rollback", GOOD, GOOD)


def test_result_about_other_versions_is_not_used() -> None:
    other: Prompt = prompt("Another one.")
    results = fixes_found([bisected(FELL.regression_id, other, BAD, FIX)])
    found = draft_fix(FELL, KNOWN, None, (), results)
    assert isinstance(found, Draft)
    assert found.result == GOOD


def test_long_texts_are_cut() -> None:
    long = drafted(before="Cite your sources, " * 20)
    assert "…” in messages[0] line 2" in long.why
    assert len(long.why) < 500
