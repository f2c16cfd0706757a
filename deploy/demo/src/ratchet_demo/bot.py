"""The support bot: three instances that answer with the prompt they are served, and record it in Ratchet.

Everything here is what any app would do; nothing of it knows that this is a demonstration.
"""

import random
from collections.abc import Callable
from pathlib import Path

from ratchet import Ratchet
from ratchet_demo.knowledge import Question, articles_text
from ratchet_demo.response_model import MODEL, Reply, respond
from ratchet_demo.script import TARGET
from ratchet_demo.simulated_users import Opinion, Person

PROMPT = "answer"
INSTANCES = 3


class Bot:
    """One instance. `prompt_file` is the app's own prompt, used until another version is live."""

    def __init__(self, client: Ratchet, prompt_file: Path) -> None:
        self._client, self._prompt_file = client, prompt_file

    def answer(self, person: Person, question: Question, rnd: random.Random) -> tuple[str, Reply]:
        """Answer a question; return the execution id and the reply."""
        prompt = self._client.prompt(PROMPT, default=self._prompt_file, target=TARGET, user=person.name)
        messages = prompt.render(articles=articles_text(), question=question.text)
        reply = respond(messages, question, rnd)
        execution_id = self._client.record(
            prompts=[prompt],
            model=MODEL,
            input=question.text,
            output=reply.text,
            user=person.name,
            latency_ms=reply.latency_ms,
            cost=reply.cost,
            outcome="ok",
            attributes={"route": question.topic, "language": person.language, "user_segment": person.kind},
            consent={"quality": True, "learning": person.learning},
        )
        return execution_id, reply

    def send_opinion(self, execution_id: str, person: Person, opinion: Opinion) -> None:
        """Send a person's opinion as feedback."""
        self._client.feedback(
            execution_id,
            kind="thumb",
            value=opinion.up,
            user=person.name,
            source="implicit" if opinion.implicit else "explicit",
            consent={"quality": True, "learning": person.learning},
        )

    def close(self) -> None:
        self._client.close(timeout=0.5)


class Fleet:
    """The running instances; `deploy` replaces them with new ones, which read the prompt file again."""

    def __init__(self, connect: Callable[[], Ratchet], prompt_file: Path) -> None:
        self._connect, self._prompt_file = connect, prompt_file
        self._bots: list[Bot] = []

    def deploy(self) -> None:
        former = self._bots
        self._bots = [Bot(self._connect(), self._prompt_file) for _ in range(INSTANCES)]
        for bot in former:
            bot.close()

    def choose(self, rnd: random.Random) -> Bot:
        """Return the instance for the next customer."""
        return rnd.choice(self._bots)

    def close(self) -> None:
        for bot in self._bots:
            bot.close()
