"""The demo's story: customers ask, and after 800 answers the prompt is edited and deployed.

The edit is made in the bot's own file, without Ratchet.
"""

import random
import shutil
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from ratchet_demo.bot import Fleet
from ratchet_demo.script import ANSWERS_BEFORE_EDIT, edit_prompt
from ratchet_demo.simulated_users import ask_question, create_people, opinions


def ensure_prompt(file: Path) -> None:
    """Create the bot's prompt file if it doesn't exist."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with as_file(files("ratchet_demo") / "answer.json") as original:
            shutil.copyfile(original, file)


@dataclass(slots=True)
class StoryStats:
    """True figures for the demo's own log; Ratchet does not see them."""

    answers: int = 0
    right: int = 0
    thumbs: int = 0
    up: int = 0


class Story:
    """The sequence of customers; with `healthy` the prompt is never edited."""

    def __init__(self, fleet: Fleet, prompt_file: Path, seed: int, healthy: bool) -> None:
        self._fleet, self._file, self._healthy = fleet, prompt_file, healthy
        self._rnd = random.Random(seed)
        self._people = create_people(self._rnd)
        self.stats = StoryStats()

    def step(self) -> None:
        """Let one customer ask, get an answer, and perhaps give feedback."""
        if self.stats.answers == ANSWERS_BEFORE_EDIT and not self._healthy and edit_prompt(self._file):
            self._fleet.deploy()
        rnd, stats = self._rnd, self.stats
        bot, person = self._fleet.choose(rnd), rnd.choice(self._people)
        execution_id, reply = bot.answer(person, ask_question(rnd), rnd)
        stats.answers += 1
        stats.right += reply.right
        for opinion in opinions(person, reply, rnd):
            bot.send_opinion(execution_id, person, opinion)
            stats.thumbs += not opinion.implicit
            stats.up += opinion.up and not opinion.implicit
