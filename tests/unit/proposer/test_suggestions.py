"""Suggestions: for causes that no prompt explains, and for no others."""

from typing import get_args

from proposer.domain.suggestions import suggestion_for
from shared.events.quality import CauseKind


def test_each_cause_outside_prompts_has_a_suggestion() -> None:
    found = {kind: suggestion_for(kind) for kind in get_args(CauseKind)}
    without = {kind for kind, suggestion in found.items() if suggestion is None}
    assert without == {"prompt_version", "safety", "unknown"}
    assert suggestion_for(None) is None
    model = found["model"]
    assert model is not None
    assert model.text.endswith("Models are deployed by people only.")
