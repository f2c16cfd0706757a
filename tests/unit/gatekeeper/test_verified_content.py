"""Contents of a proposal are rejected unless they match its digests."""

import pytest
from hypothesis import given

from gatekeeper.domain.proposal_edits import edit_content, edit_kind
from gatekeeper.domain.verified_content import DigestMismatch, mismatch_reason, verify_content
from ratchet.prompt import PromptError, parse, readable
from tests.support.gatekeeper import NEVER, digest, document, few_shot, ready
from tests.support.prompts import documents

BASE = document("Answer.", "shots")


def test_a_valid_proposal_has_versions_sets_and_examples() -> None:
    event = few_shot(BASE, ("2+2", "4"), ("3+3", "6"))
    brought = verify_content(event)
    assert [version.digest for version in brought.versions] == [event.digest, digest(BASE)]
    assert [members.digest for members in brought.sets] == [event.example_sets[0].digest]
    assert [one.digest for one in brought.examples] == [one.digest for one in event.example_sets[0].examples]


def test_a_wrong_digest_is_refused() -> None:
    true = few_shot(BASE, ("2+2", "4"))
    chosen = true.example_sets[0]
    false_example = chosen.examples[0].model_copy(update={"output": "5"})
    for change in (
        {"digest": NEVER},
        {"rollback_digest": NEVER},
        {"example_sets": (chosen.model_copy(update={"digest": NEVER}),)},
        {"example_sets": (chosen.model_copy(update={"examples": (false_example,)}),)},
    ):
        with pytest.raises(DigestMismatch):
            verify_content(true.model_copy(update=change))


def test_an_invalid_document_is_refused_without_repeating_it() -> None:
    event = ready(document("x"), None).model_copy(update={"document": {"schema": "secret words"}})
    with pytest.raises(PromptError) as caught:
        verify_content(event)
    assert "secret" not in mismatch_reason(caught.value)
    assert mismatch_reason(PromptError("document.variables.Jane", "is missing")) == "PromptError"
    assert mismatch_reason(DigestMismatch("the digest is wrong")) == "the digest is wrong"
    assert mismatch_reason(UnicodeError("secret")) == "UnicodeError"


@given(documents(), documents())
def test_a_persons_draft_has_a_diff_and_a_rollback(old: dict[str, object], new: dict[str, object]) -> None:
    base, draft = parse(old), parse(new)
    content = edit_content("why", base.digest, base, draft)
    assert (content["diff"] == "") == (base == draft)
    assert content["rollback"] == base.to_dict()
    assert edit_kind(base.digest) == "edit"


def test_a_first_version_has_no_rollback() -> None:
    content = edit_content("why", None, None, parse(BASE))
    assert content["example_sets"] == [], "the same form as in the proposer's drafts"
    assert (content["rollback"], edit_kind(None)) == (None, "first_version")
    assert content["diff"].splitlines()[3:] == [f"+{line}" for line in readable(parse(BASE))], "all of it is added"
