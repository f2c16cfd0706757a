"""An estimate of what judges will use, before they are asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from ratchet.prompt import Json
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.judges.definition import JudgeDefinition
from ratchet_evaluation.domain.judges.grading_prompt import PROMPT
from ratchet_evaluation.domain.judges.judged_text import JudgedText, as_text
from ratchet_evaluation.domain.judges.spend import TokenPrices

_BYTES_PER_TOKEN = 4
"""Of English text; other languages have more tokens."""
_ANSWER_TOKENS = 300
"""Assumed length of an app's answer, and of a judge's reply."""
_CALLS = {"rubric": 1, "faithfulness": 2, "answer_relevancy": 5, "context_precision": 3}
"""Requests for one answer; context precision has one for each context, of which three are assumed."""


@dataclass(frozen=True, slots=True)
class SpendEstimate:
    """Requests, tokens and US dollars (None without prices), if nothing is in the cache and all cases are needed."""

    calls: int
    tokens: int
    usd: float | None


def estimate_spend(
    judges: Sequence[JudgeDefinition],
    golden_set: GoldenSet,
    answers: int,
    labelled: Sequence[JudgedText],
    prices: TokenPrices | None,
) -> SpendEstimate:
    """Return the estimate of judging `answers` answers to each case, and the labelled texts once."""
    sizes = [_case_bytes(case) // _BYTES_PER_TOKEN + _ANSWER_TOKENS for case in golden_set.cases] * answers
    sizes += [len(str(each.to_json())) // _BYTES_PER_TOKEN for each in labelled]
    calls = read = 0
    for judge in judges:
        own = len(PROMPT + (judge.rubric or "")) // _BYTES_PER_TOKEN
        calls += _CALLS[judge.method] * len(sizes)
        read += _CALLS[judge.method] * sum(size + own for size in sizes)
    usd = None if prices is None else prices.cost(read, calls * _ANSWER_TOKENS)
    return SpendEstimate(calls, read + calls * _ANSWER_TOKENS, usd)


def _case_bytes(case: GoldenCase) -> int:
    """Return the bytes of a case that its judge reads."""
    texts: list[Json] = [case.input, {**case.variables}, case.reference, case.expected]
    contexts = sum(len(context.text.encode()) for context in case.contexts or ())
    return contexts + sum(len(as_text(each).encode()) for each in texts if each is not None)
