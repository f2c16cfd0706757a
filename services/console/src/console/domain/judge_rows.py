"""Judges and the targets that they judge, as rows of a page."""

from dataclasses import dataclass

from console.domain.json_object import JsonObject
from shared.metric_format import format_value


@dataclass(frozen=True, slots=True)
class AgreementWords:
    """An agreement in words: the statistic with its interval, and the number of labels."""

    text: str
    n: int
    known: bool


def agreement_words(agreement: JsonObject | None) -> AgreementWords:
    """Return Cohen's kappa with its interval; unknown is never shown as fine."""
    if agreement is None or agreement["value"] is None:
        return AgreementWords("unknown", 0 if agreement is None else agreement["n"], False)
    if agreement["low"] is None:
        return AgreementWords(f"{agreement['value']:.2f}, too few for an interval", agreement["n"], False)
    return AgreementWords(
        f"{agreement['value']:.2f} [{agreement['low']:.2f}, {agreement['high']:.2f}]", agreement["n"], True
    )


def spend_words(spend: JsonObject) -> str:
    """Return what was used: calls, tokens and US dollars."""
    tokens = spend["input_tokens"] + spend["output_tokens"]
    cost = "cost unknown" if spend["usd"] is None else format_value(spend["usd"], "USD")
    if not spend["calls"]:
        return "nothing"
    return f"{spend['calls']:,} call{'s' if spend['calls'] != 1 else ''}, {tokens:,} tokens, {cost}"


def limit_words(rule: JsonObject) -> str:
    """Return the limits of a day, or that there are none."""
    found = []
    if rule["daily_calls"] is not None:
        found.append(f"{rule['daily_calls']:,} calls")
    if rule["daily_tokens"] is not None:
        found.append(f"{rule['daily_tokens']:,} tokens")
    if rule["daily_usd"] is not None:
        found.append(format_value(rule["daily_usd"], "USD"))
    return f"at most {', '.join(found)} a day" if found else "no limit of its own"
