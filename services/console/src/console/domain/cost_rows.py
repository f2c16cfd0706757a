"""What a proposal is worth and what it costs, as far as it is known. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

UNKNOWN = "unknown"
_CHARACTERS_PER_TOKEN = 4


class CostRow(NamedTuple):
    """A figure with its label."""

    label: str
    value: str


def cost_rows(proposal: Mapping[str, Any]) -> list[CostRow]:
    """Return the figures of a proposal, as `GET /v1/proposals/{id}` has it. What nobody measured is `unknown`."""
    drafted = proposal["evidence"].get("instruction")
    return [
        CostRow("expected per 1,000 calls like the golden cases", _gain(proposal.get("evaluation") or drafted)),
        CostRow("tokens per call, estimated", _tokens(proposal)),
        CostRow("latency and money per call", UNKNOWN),
        CostRow("spent on the draft", _draft(proposal, drafted)),
        CostRow("answers for comparisons, at least", _answers(proposal.get("evaluation"), drafted)),
        CostRow("work of annotators", UNKNOWN),
    ]


def _gain(found: Mapping[str, Any] | None) -> str:
    if not found or any(found.get(name) is None for name in ("difference", "low", "high")):
        return UNKNOWN
    difference, low, high = (f"{1000 * found[name]:+.0f}" for name in ("difference", "low", "high"))
    level = 100 * found.get("level", 0.95)
    return f"{difference} good answers ({level:.5g} % interval {low} to {high}, n={found['cases']})"


def _tokens(proposal: Mapping[str, Any]) -> str:
    """Return the change of the prompt's length; unknown where examples change, since those before are not here."""
    before, after = proposal.get("rollback"), proposal.get("document")
    if before is None or after is None or proposal.get("example_sets"):
        return UNKNOWN
    return f"{round((_characters(after) - _characters(before)) / _CHARACTERS_PER_TOKEN):+d}"


def _characters(document: Mapping[str, Any]) -> int:
    contents = (message.get("content") for message in document.get("messages", ()))
    return sum(len(content) for content in contents if isinstance(content, str))


def _draft(proposal: Mapping[str, Any], drafted: Mapping[str, Any] | None) -> str:
    if not drafted:
        return "nothing: by rule" if proposal["author_kind"] == "service" else UNKNOWN
    tokens, usd = drafted["drafting_tokens"], drafted["drafting_usd"]
    spent = UNKNOWN if tokens is None else f"{tokens:,} tokens"
    return f"{spent}, {'US dollars unknown' if usd is None else f'{usd:.4f} US dollars'}"


def _answers(evaluation: Mapping[str, Any] | None, drafted: Mapping[str, Any] | None) -> str:
    if not evaluation and not drafted:
        return UNKNOWN
    cases = 2 * evaluation["cases"] if evaluation else 0
    return f"{cases + (drafted['compared_answers'] if drafted else 0):,}"
