"""Drafting a fix of a regression, or the reason why there is none."""

import pytest

from proposer.domain.fix_drafts import BY_RULE, Draft, NoDraft, Reason, draft_fix
from ratchet.prompt import Prompt
from shared.events.quality import Cause
from tests.support.proposer import cause, prompt, regression

GOOD = prompt("You are a clerk.", "Cite your sources.", "Be brief.")
CUT = prompt("You are a clerk.", "Be brief.")
REWORDED = prompt("You are a clerk.", "Never mind sources.", "Be brief.")
GROWN = prompt("You are a clerk.", "Cite your sources.", "Be brief.", "Guess if you must.")
KNOWN: dict[str, Prompt] = {document.digest: document for document in (GOOD, CUT, REWORDED, GROWN)}


def test_removed_lines_are_restored() -> None:
    found = draft_fix(regression(cause(GOOD.digest, CUT.digest)), KNOWN, live=CUT.digest)
    assert found == Draft(
        "restore", "answer", CUT, GOOD, f"Restores 1 removed line; keeps what was added. {BY_RULE}", GOOD
    )


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (REWORDED, "Rolls back to the last good version: messages was replaced."),
        (GROWN, "Rolls back to the last good version: nothing had been removed."),
    ],
)
def test_last_good_version_is_proposed_otherwise(bad: Prompt, why: str) -> None:
    assert draft_fix(regression(cause(GOOD.digest, bad.digest)), KNOWN, live=None) == Draft(
        "rollback", "answer", bad, GOOD, f"{why} {BY_RULE}", GOOD
    )


def test_restored_fields_are_named() -> None:
    good = prompt("{{a}}", "b", variables={"a": {"type": "string"}}, model="m")
    bad = prompt("b")
    found = draft_fix(regression(cause(good.digest, bad.digest)), {good.digest: good, bad.digest: bad}, None)
    assert isinstance(found, Draft)
    assert found.why == f"Restores 1 removed line, model, variables.a; keeps what was added. {BY_RULE}"


@pytest.mark.parametrize(
    ("causes", "live", "reason"),
    [
        ((), None, "cause-unknown"),
        ((cause(None, None, kind="unknown", name=None),), None, "cause-unknown"),
        ((cause(None, CUT.digest),), None, "cause-unknown"),
        ((cause(GOOD.digest, CUT.digest, name=None),), None, "cause-unknown"),
        ((cause(CUT.digest, CUT.digest),), None, "cause-unknown"),
        ((cause("a", "b", kind="model"), cause(GOOD.digest, CUT.digest)), None, "not-a-prompt"),
        ((cause("label:7", CUT.digest),), None, "content-unknown"),
        ((cause(GOOD.digest, "sha256:" + "0" * 64),), None, "content-unknown"),
        ((cause(GOOD.digest, CUT.digest),), GOOD.digest, "already-fixed"),
        ((cause(GOOD.digest, CUT.digest),), GROWN.digest, "base-changed"),
    ],
)
def test_reason_for_no_fix(causes: tuple[Cause, ...], live: str | None, reason: Reason) -> None:
    found = draft_fix(regression(*causes), KNOWN, live)
    assert isinstance(found, NoDraft)
    assert found.reason == reason
    assert found.detail


def test_live_fix_waits_for_its_effect() -> None:
    found = draft_fix(regression(cause(GOOD.digest, CUT.digest)), KNOWN, GROWN.digest, approved={GROWN.digest})
    assert found == NoDraft("already-fixed", f"{GROWN.digest} is live")
