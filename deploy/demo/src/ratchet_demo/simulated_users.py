"""The customers and their opinions, which are noisy and partly wrong or missing."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ratchet_demo.knowledge import QUESTIONS, UNKNOWN, Question
from ratchet_demo.response_model import Reply

Kind = Literal["newcomer", "regular", "expert"]


@dataclass(frozen=True, slots=True)
class Habit:
    """Behaviour of a group of customers, as probabilities.

    `rates`: give feedback; `notices`: recognise a wrong answer; `pleased`: like a right one; `slips`: press the wrong
    thumb.
    """

    share: float
    rates: float
    notices: float
    pleased: float
    slips: float


HABITS: dict[Kind, Habit] = {
    "newcomer": Habit(share=0.5, rates=0.5, notices=0.65, pleased=0.95, slips=0.05),
    "regular": Habit(share=0.35, rates=0.4, notices=0.85, pleased=0.93, slips=0.03),
    "expert": Habit(share=0.15, rates=0.6, notices=0.98, pleased=0.88, slips=0.01),
}
LANGUAGES = ("en", "en", "en", "de", "fr")
_PEOPLE = 400
_AGREES = 0.6
_ASKS_AGAIN = {True: 0.06, False: 0.45}
_UNKNOWN_SHARE = 0.06


@dataclass(frozen=True, slots=True)
class Person:
    """A customer. `learning`: whether their answers may become examples."""

    name: str
    kind: Kind
    language: str
    learning: bool


@dataclass(frozen=True, slots=True)
class Opinion:
    """A thumb: pressed, or (`implicit`) derived from whether the customer asked again."""

    up: bool
    implicit: bool


def create_people(rnd: random.Random) -> tuple[Person, ...]:
    """Return the shop's customers."""
    kinds: Sequence[Kind] = rnd.choices(list(HABITS), [habit.share for habit in HABITS.values()], k=_PEOPLE)
    return tuple(
        Person(f"customer-{number}", kind, rnd.choice(LANGUAGES), rnd.random() < _AGREES)
        for number, kind in enumerate(kinds)
    )


def ask_question(rnd: random.Random) -> Question:
    """Return a question; sometimes one that no article answers."""
    return rnd.choice(UNKNOWN if rnd.random() < _UNKNOWN_SHARE else QUESTIONS)


def opinions(person: Person, reply: Reply, rnd: random.Random) -> list[Opinion]:
    """Return the person's opinions: none, a thumb, an implicit signal, or both."""
    habit = HABITS[person.kind]
    likes = rnd.random() < habit.pleased if reply.right else rnd.random() >= habit.notices
    said = []
    if rnd.random() < habit.rates:
        said.append(Opinion(likes != (rnd.random() < habit.slips), implicit=False))
    if rnd.random() < 0.5:
        said.append(Opinion(rnd.random() >= _ASKS_AGAIN[likes], implicit=True))
    return said
