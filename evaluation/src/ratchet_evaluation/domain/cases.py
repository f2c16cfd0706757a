"""Golden cases: what the app is asked, and how its answer is evaluated. A case is identified by its content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ratchet.prompt import Json
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.answers import Context, parse_contexts
from ratchet_evaluation.domain.case_fields import (
    CaseError,
    boolean,
    json_object,
    json_value,
    known_fields,
    name,
    sequence,
    text,
)

SCHEMA = "ratchet.case/1"
_FIELDS = ("id", "input", "variables", "contexts", "expected", "reference", "evaluators", "tags", "protected", "parent",
           "origin", "user", "consent")  # fmt: skip
_PURPOSES = ("quality", "learning")


@dataclass(frozen=True, slots=True)
class EvaluatorSpec:
    """An evaluator that a case asks for: a name of the catalogue and its parameters."""

    name: str
    parameters: Mapping[str, Json]

    def to_json(self) -> dict[str, Json]:
        return {"name": self.name, **self.parameters}


@dataclass(frozen=True)
class GoldenCase:
    """One case. `parent` is the id of the case that it was derived from: both count as one independent case.

    `reference` is a text to compare with, `expected` the right output. A `protected` case must not fail newly.
    `user` is the hash of the user whose text it has: an erasure of this user erases the case.
    """

    id: str
    input: Json
    variables: Mapping[str, Json]
    contexts: tuple[Context, ...] | None
    expected: Json
    reference: str | None
    evaluators: tuple[EvaluatorSpec, ...]
    tags: tuple[str, ...] = ()
    protected: bool = False
    parent: str | None = None
    origin: str | None = None
    consent: Mapping[str, bool | None] | None = None
    user: str | None = None

    @cached_property
    def digest(self) -> str:
        """The digest of what is asked and how it is evaluated; id, tags and the like are no part of it."""
        return digest_of(canonical_bytes({"schema": SCHEMA, **self._content()}))

    @property
    def asked(self) -> dict[str, Json]:
        """What the app sees of the case: never what is expected."""
        return {"id": self.id, "input": self.input, "variables": {**self.variables}, "contexts": self._contexts()}

    def to_json(self) -> dict[str, Json]:
        """Return the whole case with its defaults."""
        consent: Json = None if self.consent is None else {**self.consent}
        about: dict[str, Json] = {
            "id": self.id,
            "tags": [*self.tags],
            "protected": self.protected,
            "parent": self.parent,
            "origin": self.origin,
            "consent": consent,
        }
        return {**self._content(), **about} if self.user is None else {**self._content(), **about, "user": self.user}

    def _content(self) -> dict[str, Json]:
        return {
            "input": self.input,
            "variables": {**self.variables},
            "contexts": self._contexts(),
            "expected": self.expected,
            "reference": self.reference,
            "evaluators": [spec.to_json() for spec in self.evaluators],
        }

    def _contexts(self) -> Json:
        if self.contexts is None:
            return None
        return [{"id": context.id, "text": context.text} for context in self.contexts]


def parse_case(value: object, default_evaluators: Sequence[EvaluatorSpec] = ()) -> GoldenCase:
    """Return the case of a JSON object; `default_evaluators` are those of a case that names none.

    The id of a case that has none is the start of its digest. Evaluators are not looked up here (`catalog`). Raises
    CaseError, which names the field.
    """
    fields = known_fields(value, _FIELDS)
    if fields.get("input") is None and fields.get("variables") is None:
        raise CaseError("input", "is missing: a case has an input, variables, or both")
    own = fields.get("evaluators")
    evaluators = tuple(default_evaluators) if own is None else parse_evaluators(own, "evaluators")
    if not evaluators:
        raise CaseError("evaluators", "is missing, and no evaluator is given for the whole set")
    case = GoldenCase(
        _optional_name(fields, "id") or "",
        json_value(fields.get("input"), "input"),
        json_object(fields.get("variables") or {}, "variables"),
        None if fields.get("contexts") is None else parse_contexts(fields["contexts"]),
        json_value(fields.get("expected"), "expected"),
        None if fields.get("reference") is None else text(fields["reference"], "reference"),
        evaluators,
        _tags(fields.get("tags")),
        boolean(fields.get("protected", False), "protected"),
        _optional_name(fields, "parent"),
        _optional_name(fields, "origin"),
        _consent(fields.get("consent")),
        _optional_name(fields, "user"),
    )
    return case if case.id else _identified(case)


def parse_evaluators(value: object, field: str) -> tuple[EvaluatorSpec, ...]:
    """Return the evaluators of a list of names or `{"name", …parameters}`. Raises CaseError."""
    found = tuple(_spec(each, f"{field}[{i}]") for i, each in enumerate(sequence(value, field)))
    for i, spec in enumerate(found):
        if spec in found[:i]:
            raise CaseError(f"{field}[{i}]", "is listed twice")
    return found


def _spec(value: object, field: str) -> EvaluatorSpec:
    if isinstance(value, str):
        return EvaluatorSpec(name(value, field), {})
    given = json_object(value, field)
    return EvaluatorSpec(
        name(given.get("name"), f"{field}.name"), {key: each for key, each in given.items() if key != "name"}
    )


def _identified(case: GoldenCase) -> GoldenCase:
    values = {key: getattr(case, key) for key in case.__dataclass_fields__}
    return GoldenCase(**{**values, "id": case.digest.removeprefix("sha256:")[:12]})


def _optional_name(fields: Mapping[str, object], field: str) -> str | None:
    return None if fields.get(field) is None else name(fields[field], field)


def _tags(value: object) -> tuple[str, ...]:
    given = [] if value is None else sequence(value, "tags")
    return tuple(dict.fromkeys(name(each, f"tags[{i}]") for i, each in enumerate(given)))


def _consent(value: object) -> dict[str, bool | None] | None:
    """Return consent by purpose. A refusal of the purpose quality bars the case."""
    if value is None:
        return None
    fields = known_fields(value, _PURPOSES, "consent")
    found = {
        purpose: None if fields.get(purpose) is None else boolean(fields[purpose], f"consent.{purpose}")
        for purpose in _PURPOSES
    }
    if found["quality"] is False:
        raise CaseError("consent.quality", "is false: its user refused this use, so remove the case")
    return found
