"""Regular expressions with a time limit: the text comes from a model, the pattern may backtrack without end."""

import regex

from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.evaluators.definition import UnknownScore

TIMEOUT_S = 1.0


def check_pattern(pattern: object, field: str) -> None:
    """Raise CaseError if a pattern is not a regular expression."""
    try:
        regex.compile(str(pattern))
    except regex.error as error:
        raise CaseError(field, f"is not a valid regular expression: {error}") from None


def matches(pattern: str, text: str, *, full: bool = False, ignore_case: bool = False) -> bool:
    """Return whether a pattern occurs in a text, or is all of it. Raises UnknownScore after a second."""
    compiled = regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
    try:
        return bool((compiled.fullmatch if full else compiled.search)(text, timeout=TIMEOUT_S))
    except TimeoutError:
        raise UnknownScore(f"the pattern needs more than {TIMEOUT_S:g} s for this output") from None


def found_groups(pattern: str, text: str) -> list[str]:
    """Return the first group of each match. Raises UnknownScore after a second."""
    try:
        return [match.group(1) for match in regex.finditer(pattern, text, timeout=TIMEOUT_S)]
    except TimeoutError:
        raise UnknownScore(f"the pattern needs more than {TIMEOUT_S:g} s for this output") from None
