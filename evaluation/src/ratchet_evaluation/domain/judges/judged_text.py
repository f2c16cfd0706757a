"""What a judge looks at: the texts of one answer and its case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase


@dataclass(frozen=True, slots=True)
class JudgedText:
    """Texts of one answer. `contexts` are None where unknown; `reference` is the expected answer, if there is one."""

    input: str
    output: str
    contexts: tuple[str, ...] | None = None
    reference: str | None = None

    @property
    def digest(self) -> str:
        """The digest of the texts: two answers with the same one get the same score."""
        return digest_of(canonical_bytes({"schema": "ratchet.judged/1", **self.to_json()}))

    def to_json(self) -> dict[str, Json]:
        """Return the texts as a JSON object."""
        contexts: Json = None if self.contexts is None else [*self.contexts]
        return {"input": self.input, "output": self.output, "contexts": contexts, "reference": self.reference}


def judged_text(case: GoldenCase, answer: AppAnswer) -> JudgedText:
    """Return what a judge sees of an answer: with the contexts that the app used, else those of the case."""
    used = answer.contexts if answer.contexts is not None else case.contexts
    asked: Json = case.input if case.input is not None else {**case.variables}
    expected = case.reference if case.reference is not None else case.expected
    return JudgedText(
        as_text(asked),
        answer.text,
        None if used is None else tuple(context.text for context in used),
        None if expected is None else as_text(expected),
    )


def judged_text_from_json(value: Mapping[str, Any]) -> JudgedText:
    """Return the texts that `to_json` wrote. Raises KeyError."""
    contexts = value["contexts"]
    return JudgedText(
        value["input"], value["output"], None if contexts is None else tuple(contexts), value["reference"]
    )


def as_text(value: Json) -> str:
    """Return a text unchanged, anything else as RFC 8785 JSON."""
    return value if isinstance(value, str) else canonical_bytes(value).decode()
