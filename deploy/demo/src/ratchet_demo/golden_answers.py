"""How the bot answers the cases of evaluations: as it answers customers, with the prompt that it is given."""

import random
from typing import Any

from ratchet import AskedCase, ServedPrompt
from ratchet_demo.knowledge import ARTICLES, QUESTIONS, Question, articles_text
from ratchet_demo.response_model import MODEL, respond


def answer(prompt: ServedPrompt, case: AskedCase) -> dict[str, Any]:
    """Return the answer to a case: the same one for the same prompt, case and repeat."""
    rnd = random.Random(f"{prompt.digest} {case.id} {case.repeat}")
    question = find_question(case.input)
    reply = respond(prompt.render(articles=articles_text(), question=question.text), question, rnd)
    contexts = [{"id": article.number, "text": article.fact} for article in ARTICLES]
    return {"output": reply.text, "contexts": contexts, "cost": reply.cost, "model": MODEL}


def find_question(text: str) -> Question:
    """Return a known question; any other is about what no article says."""
    known = next((question for question in QUESTIONS if question.text == text), None)
    return known or Question(text, "lamps", None)
