"""The flag `--evaluator NAME` or `--evaluator NAME={"parameter": value}`."""

import json
from collections.abc import Sequence

from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import EvaluatorSpec, parse_evaluators
from ratchet_evaluation.domain.evaluators.catalog import check_spec


def parse_evaluator_flags(flags: Sequence[str]) -> tuple[EvaluatorSpec, ...]:
    """Return the evaluators of flags. Raises CaseError, which names the flag."""
    found = []
    for flag in flags:
        name, _, parameters = flag.partition("=")
        try:
            given = json.loads(parameters) if parameters else {}
        except (ValueError, RecursionError):
            raise CaseError(f"--evaluator {name}", "must have its parameters as a JSON object") from None
        if not isinstance(given, dict):
            raise CaseError(f"--evaluator {name}", "must have its parameters as a JSON object")
        (spec,) = parse_evaluators([{**given, "name": name}], "--evaluator")
        check_spec(spec, f"--evaluator {name}")
        found.append(spec)
    return tuple(found)
