"""What happens in the demo: customers ask, and after a good while somebody edits the prompt and deploys it.

The edit is made in the bot's own file, around Ratchet, as happens everywhere. Nothing tells Ratchet of it.
"""

import random
import shutil
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from ratchet_demo.bot import Fleet
from ratchet_demo.people import asks, opinions, people
from ratchet_demo.script import GOOD_WHILE, edit_prompt


def ensure_prompt(file: Path) -> None:
    """Puts the bot's prompt where it is missing; what stands there stays."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with as_file(files("ratchet_demo") / "answer.json") as original:
            shutil.copyfile(original, file)


@dataclass(slots=True)
class StoryEvent:
    """What became of it, for the demo's own log: the truth, which Ratchet has to find out by itself."""

    answers: int = 0
    right: int = 0
    thumbs: int = 0
    up: int = 0


class Story:
    """Customer after customer; with `healthy` the edit never comes."""

    def __init__(self, fleet: Fleet, prompt_file: Path, seed: int, healthy: bool) -> None:
        self._fleet, self._file, self._healthy = fleet, prompt_file, healthy
        self._rnd = random.Random(seed)
        self._people = people(self._rnd)
        self.told = StoryEvent()

    def step(self) -> None:
        """One customer asks, gets an answer, and perhaps says what they think."""
        if self.told.answers == GOOD_WHILE and not self._healthy and edit_prompt(self._file):
            self._fleet.deploy()
        rnd, told = self._rnd, self.told
        bot, person = self._fleet.any(rnd), rnd.choice(self._people)
        execution_id, reply = bot.answer(person, asks(rnd), rnd)
        told.answers += 1
        told.right += reply.right
        for opinion in opinions(person, reply, rnd):
            bot.rated(execution_id, person, opinion)
            told.thumbs += not opinion.implicit
            told.up += opinion.up and not opinion.implicit
