"""What a judge is: how it judges, with which model and parameters; its digest identifies it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.case_fields import CaseError, json_object, known_fields, name, text
from ratchet_evaluation.domain.judges.grading_prompt import PROMPT

JudgeMethod = Literal["rubric", "faithfulness", "answer_relevancy", "context_precision"]
"""`rubric`: our own prompt. The others are metrics of Ragas."""
RAGAS_VERSION = "0.4.3"
JUDGE_PREFIX = "judge."
"""The score of a judge is called `judge.<name>`, so that it is never taken for an evaluator of the catalogue."""
DEFAULT_PARAMETERS: Mapping[str, Json] = {"temperature": 0, "max_tokens": 1024}
_FIELDS = ("name", "method", "rubric", "model", "embedding_model", "parameters", "threshold", "min_kappa")
_TUNABLE = ("temperature", "max_tokens", "max_completion_tokens", "top_p", "seed", "reasoning_effort")


@dataclass(frozen=True)
class JudgeDefinition:
    """A judge. An answer passes from `threshold` on; the judge decides if its agreement with people is shown to reach
    `min_kappa` (Cohen's kappa). Name, threshold and `min_kappa` are no part of the digest: they change no score.
    """

    name: str
    method: JudgeMethod = "rubric"
    rubric: str | None = None
    model: str = ""
    embedding_model: str | None = None
    parameters: Mapping[str, Json] = None  # type: ignore[assignment]
    threshold: float = 0.5
    min_kappa: float = 0.4

    def __post_init__(self) -> None:
        if self.parameters is None:
            object.__setattr__(self, "parameters", DEFAULT_PARAMETERS)

    @property
    def score_name(self) -> str:
        return JUDGE_PREFIX + self.name

    @property
    def digest(self) -> str:
        """The digest of everything that a score depends on: prompt, model, parameters, version of the library."""
        about: dict[str, Json] = {
            "schema": "ratchet.judge/1",
            "method": self.method,
            "prompt": PROMPT if self.method == "rubric" else f"ragas {RAGAS_VERSION}",
            "rubric": self.rubric,
            "model": self.model,
            "embedding_model": self.embedding_model,
            "parameters": {**self.parameters},
        }
        return digest_of(canonical_bytes(about))

    def to_json(self) -> dict[str, Json]:
        """Return the definition as `parse_judge` reads it."""
        return {
            "name": self.name,
            "method": self.method,
            "rubric": self.rubric,
            "model": self.model,
            "embedding_model": self.embedding_model,
            "parameters": {**self.parameters},
            "threshold": self.threshold,
            "min_kappa": self.min_kappa,
        }


def parse_judge(value: object, model: str = "", embedding_model: str | None = None) -> JudgeDefinition:
    """Return the judge of a JSON object; `model` and `embedding_model` are those of a judge that names none.

    Raises CaseError, which names the field.
    """
    fields = known_fields(value, _FIELDS, "")
    method = fields.get("method", "rubric")
    if method not in get_args(JudgeMethod):
        raise CaseError("method", f"must be one of {', '.join(get_args(JudgeMethod))}")
    return JudgeDefinition(
        name(fields.get("name"), "name"),
        method,  # type: ignore[arg-type]
        _rubric(fields.get("rubric"), str(method)),
        name(fields.get("model") or model or None, "model"),
        _embedding_model(fields.get("embedding_model") or embedding_model, str(method)),
        _parameters(fields.get("parameters")),
        _number(fields.get("threshold", 0.5), "threshold", 0.0, 1.0),
        _number(fields.get("min_kappa", 0.4), "min_kappa", -1.0, 1.0),
    )


def _rubric(value: object, method: str) -> str | None:
    if method != "rubric":
        if value is not None:
            raise CaseError("rubric", f"cannot be combined with the method {method}")
        return None
    found = text(value, "rubric") if value is not None else ""
    if not 1 <= len(found.strip()) <= 20_000:
        raise CaseError("rubric", "must be a text of 1 to 20,000 characters")
    return found


def _embedding_model(value: object, method: str) -> str | None:
    if method != "answer_relevancy":
        return None
    return name(value, "embedding_model")


def _parameters(value: object) -> dict[str, Json]:
    """Return parameters with the defaults; null removes one, for models that don't have it."""
    given = {} if value is None else json_object(value, "parameters")
    known_fields(given, _TUNABLE, "parameters")
    defaults = {**DEFAULT_PARAMETERS}
    if "max_completion_tokens" in given:
        del defaults["max_tokens"]
    found: dict[str, Json] = {key: each for key, each in {**defaults, **given}.items() if each is not None}
    for key, each in found.items():
        if key == "reasoning_effort":
            name(each, f"parameters.{key}")
        elif isinstance(each, bool) or not isinstance(each, int | float):
            raise CaseError(f"parameters.{key}", "must be a number")
    most = found.get("max_completion_tokens", found.get("max_tokens"))
    if not isinstance(most, int) or not 16 <= most <= 32_000:
        raise CaseError("parameters.max_tokens", "must be a whole number from 16 to 32,000")
    return found


def _number(value: object, field: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise CaseError(field, f"must be a number from {low:g} to {high:g}")
    return float(value)
