"""The boundary checklist: each of the five checks passes, and each stops a proposal."""

from typing import Any, get_args
from uuid import uuid4

import pytest

from proposer.domain.boundary_checks import (
    MANAGED,
    BoundaryCheck,
    CheckName,
    DraftState,
    check_boundary,
    check_data_gates,
    first_failed,
)
from proposer.domain.data_rules import NO_TRACES, DataRules
from proposer.domain.model import PromptState
from proposer.domain.prompt_homes import DeclaredTarget, Hosting, PromptHome
from proposer.domain.proposals import draft_example_proposals, to_event
from ratchet.prompt import Prompt
from shared.events.proposals import Evidence, ProposalReady
from tests.support.proposer import KEY, candidate, prompt, selected, slotted

HOME = PromptHome(KEY, "github", "acme/app", "main", "prompts/answer.txt", "text", ("prompts/*",))
EU = DataRules(("eu",), "internal")
BAD, FIXED = prompt("Be brief."), prompt("Cite your sources.", "Be brief.")


def ready(base: Prompt = BAD, result: Prompt = FIXED, **fields: Any) -> ProposalReady:
    given: dict[str, Any] = {
        "project": "acme", "environment": "production", "target": "bot", "proposal_id": uuid4(), "revision": 1,
        "kind": "restore", "name": "answer", "base_digest": base.digest, "digest": result.digest,
        "document": result.to_dict(), "diff": "", "evidence": Evidence(summary="It fell."), "acceptance": (),
        "rollback_digest": base.digest, "rollback": base.to_dict(), "author": "proposer",
    }  # fmt: skip
    return ProposalReady(**{**given, **fields})


def declared(model: Hosting) -> DeclaredTarget:
    return DeclaredTarget("acme", "production", "bot", model)


def checks(**changes: Any) -> tuple[BoundaryCheck, ...]:
    proposal = changes.pop("proposal", ready())
    given: dict[str, Any] = {
        "home": HOME, "declared": declared("self-hosted"), "rules": EU,
        "rollback_stored": "in the database", "state": DraftState(draft=True, auto_merge=False),
    }  # fmt: skip
    return check_boundary(proposal, **{**given, **changes})


def test_a_restored_line_passes_all_five() -> None:
    found = checks()
    assert [check.name for check in found] == list(get_args(CheckName))
    assert first_failed(found) is None
    assert all(check.evidence for check in found)


def test_a_managed_model_may_be_declared_prompt_only() -> None:
    assert first_failed(checks(declared=declared("prompt-only"))) is None


def examples(**fields: Any) -> ProposalReady:
    found = selected(candidate(1, **fields))
    (draft,) = draft_example_proposals(PromptState(KEY, "bot"), slotted(), found, [])
    return to_event(draft)


@pytest.mark.parametrize(
    ("changes", "name", "evidence"),
    [
        ({"declared": declared("managed")}, "model", MANAGED),
        ({"declared": None}, "model", MANAGED),
        ({"proposal": ready(result=prompt("Be brief.", model="m2"))}, "prompt_only", "model"),
        ({"proposal": ready(result=prompt("Be brief.", parameters={"top_p": 1}))}, "prompt_only", "parameters"),
        ({"home": PromptHome(KEY, "f", "a/b", "main", "w/x.SafeTensors", "text", ("**",))}, "prompt_only", "weights"),
        ({"proposal": ready(rollback=None)}, "prompt_only", "no version"),
        ({"proposal": examples()}, "data_gates", "region: unknown (1) not allowed; 1 traces were used, with consent"),
        ({"proposal": examples(region="us")}, "data_gates", "region: us (1) not allowed"),
        ({"proposal": examples(region="eu")}, "data_gates", "confidentiality: unknown (1) not allowed"),
        ({"proposal": examples(region="eu"), "rules": DataRules()}, "data_gates", "not declared for the target"),
        ({"proposal": ready(kind="edit")}, "data_gates", "not known"),
        ({"rollback_stored": None}, "rollback", "no stored copy"),
        ({"state": DraftState(draft=False, auto_merge=False)}, "draft", "not a draft"),
        ({"state": DraftState(draft=True, auto_merge=True)}, "draft", "automatic merging"),
    ],
)
def test_each_check_stops_a_proposal(changes: dict[str, Any], name: str, evidence: str) -> None:
    failed = first_failed(checks(**changes))
    assert failed is not None
    assert failed.name == name
    assert evidence in failed.evidence


def test_examples_whose_traces_pass_every_gate_pass() -> None:
    proposal = examples(region="eu", confidentiality="public")
    check = check_data_gates(proposal, EU)
    assert (check.passed, check.evidence) == (
        True, "1 traces passed PII, consent, region (eu) and confidentiality (public)",
    )  # fmt: skip
    assert first_failed(checks(proposal=proposal)) is None
    assert check_data_gates(examples(), DataRules(("eu",), "internal", allow_unknown=True)).passed


def test_an_edit_that_no_trace_led_to_passes_the_data_gates() -> None:
    clause = ready(kind="instruction", evidence=Evidence(summary="It fell.", traces=NO_TRACES))
    assert check_data_gates(clause, DataRules()).passed
    assert not check_data_gates(ready(kind="instruction"), EU).passed


def test_personal_data_in_an_example_is_named_as_such() -> None:
    found = examples(output="Write to [email].", region="eu", confidentiality="public")
    assert "PII" in check_data_gates(found, EU).evidence


def test_evidence_has_no_text_of_users() -> None:
    assert "Question 1" not in str([check.to_json() for check in checks(proposal=examples())])
