"""Golden cases as they are sent to the evaluator."""

from typing import Any


def sent_case(number: int, **fields: Any) -> dict[str, Any]:
    """Return a case whose input differs from those of other numbers by most of its text."""
    return {
        "id": f"case-{number}",
        "input": f"{chr(97 + number % 26) * 9} question {number * 7919} about {chr(98 + number % 25) * 12}?",
        "evaluators": [{"name": "contains", "values": ["thirty days"]}],
        **fields,
    }
