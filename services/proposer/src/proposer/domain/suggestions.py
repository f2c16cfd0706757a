"""Suggestions for causes that no prompt explains: what a person may do. Nothing in Ratchet carries them out."""

from dataclasses import dataclass
from typing import Literal

SuggestionKind = Literal["model", "retrieval_corpus", "upstream", "judge", "routing"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a person may do about a regression, in a sentence or two."""

    kind: SuggestionKind
    text: str


_BY_CAUSE: dict[str, Suggestion] = {
    "model": Suggestion(
        "model",
        "Go back to the model before the change, or compare both on the golden set with `ratchet eval` and adapt the "
        "prompt to the new one by an edit. Models are deployed by people only.",
    ),
    "retrieval_corpus": Suggestion(
        "retrieval_corpus",
        "Go back to the corpus before the change, or look at the documents of the listed executions: missing, outdated "
        "or differently split ones are the usual reason.",
    ),
    "upstream_errors": Suggestion(
        "upstream", "Look at the errors and time-outs of the listed executions: the service behind the app fails."
    ),
    "judge": Suggestion(
        "judge",
        "Look at the judge: its model or its prompt changed, or its anchors fell. The answers need not be worse.",
    ),
    "traffic_mix": Suggestion(
        "routing",
        "Other traffic came. If the new kind of request is to stay, route it to a prompt or model of its own.",
    ),
    "segment": Suggestion(
        "routing",
        "Only some segments lost. Route them to a prompt or model of their own, and look at their executions.",
    ),
}


def suggestion_for(cause_kind: str | None) -> Suggestion | None:
    """Return the suggestion for the most likely cause of a regression; None where there is none."""
    return None if cause_kind is None else _BY_CAUSE.get(cause_kind)
