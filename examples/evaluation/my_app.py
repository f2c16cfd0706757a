"""An app for `ratchet eval` to run: `answer(prompt, case)` returns what the app would answer to a case.

In your app, replace `your_model` by the call that it makes today. Here it is a stand-in without a network: it answers
with the fact of the prompt that shares most words with the question.
"""

import re
from typing import Any

UNKNOWN = "I don't know that, so I ask a colleague."


def answer(prompt: Any, case: Any) -> dict[str, object]:
    """Return the output, and optionally contexts, tools, cost and model.

    `case` has id, input, variables and contexts.
    """
    output = your_model(prompt.render(question=case.input))
    return {"output": output, "cost": 0.0002}


def your_model(messages: list[dict[str, str]]) -> str:
    """Stands for the call of a language model."""
    instructions, _, question = messages[-1]["content"].partition("Question:")
    facts = [line[2:] for line in instructions.splitlines() if line.startswith("- ")]
    best = max(facts, key=lambda fact: len(words(fact) & words(question)), default="")
    return best if words(best) & words(question) else UNKNOWN


def words(text: str) -> set[str]:
    """Return the words of a text that say what it is about."""
    return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 3}
