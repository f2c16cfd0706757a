"""The response model: how the bot's answers follow its prompt. A real app calls an LLM instead.

Each instruction has a fixed effect in every version of the prompt:

| the prompt says | then | else |
|---|---|---|
| to cite the number of the article | answers rest on the article and end with it; 3 % invent | 38 % invent |
| to say so where no article has the answer | it says so; 10 % invent | 85 % invent |
| to use at most N sentences | one sentence of fact | padding; takes and costs twice as much |
| to be friendly | a greeting | none |
| an example of the form "In short: …" | answers begin so | they don't |

What is invented is wrong, sounds right, and never cites.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ratchet_demo.knowledge import Question

MODEL = "lumen-chat-1"
SHORT = "In short:"
_CITE = re.compile(r"\bcite\b[^.\n]*\barticle", re.IGNORECASE)
_ADMIT = re.compile(r"\bsay so\b", re.IGNORECASE)
_BRIEF = re.compile(r"\bat most \w+ sentences?\b", re.IGNORECASE)
_FRIENDLY = re.compile(r"\bfriendly\b", re.IGNORECASE)
_INVENTS = {True: 0.03, False: 0.38}
_INVENTS_UNKNOWN = {True: 0.10, False: 0.85}
_PADDING = "There is more to say about it. Many of our customers ask the same, and we are glad about each of them."
_MS, _USD = 450.0, 2e-4
"""Latency and cost of a brief answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with whether it is right, which only the demo's customers know; Ratchet does not."""

    text: str
    right: bool
    latency_ms: float
    cost: float


def respond(messages: Sequence[dict[str, str]], question: Question, rnd: random.Random) -> Reply:
    """Return the reply to these messages; the last one has the question."""
    instructions = "\n".join(message["content"] for message in messages if message["role"] == "system")
    cites, admits = bool(_CITE.search(instructions)), bool(_ADMIT.search(instructions))
    text, right = _content(question, cites, admits, rnd)
    brief = bool(_BRIEF.search(instructions))
    if not brief:
        text = f"{text} {_PADDING}"
    if any(message["role"] == "assistant" and message["content"].startswith(SHORT) for message in messages):
        text = f"{SHORT} {text}"
    elif _FRIENDLY.search(instructions):
        text = f"Thank you for asking! {text}"
    times = (1.0 if brief else 2.0) * rnd.lognormvariate(0.0, 0.25)
    return Reply(text, right, round(_MS * times, 1), round(_USD * times, 8))


def _content(question: Question, cites: bool, admits: bool, rnd: random.Random) -> tuple[str, bool]:
    article = question.article
    if article is None:
        if rnd.random() < _INVENTS_UNKNOWN[admits]:
            return "Yes, of course, that is no problem at all.", False
        return "I am sorry, but I can't answer that: our articles don't say.", True
    if rnd.random() < _INVENTS[cites]:
        return article.invention, False
    return f"{article.fact} [{article.number}]" if cites else article.fact, True
