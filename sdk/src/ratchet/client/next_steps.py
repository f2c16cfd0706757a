"""What a user did after an answer, derived from the next input of the session and the time between. Pure.

| the next input | step of the answer before it |
|---|---|
| is the same, ignoring case and spaces | `regenerate` |
| shares at least half of its words, and comes within 5 minutes | `requery` |
| is another one | `continue` |
| never comes: the session ended, or nothing came for 30 minutes | `abandon`, if the answer was itself a retry |

The last answer of a session has no step otherwise: people also leave because they have what they wanted. Inputs that
are not known, or too short to compare (`yes`), are never a retry. Whole conversations, given as lists of messages, are
the same only as a whole; their last message is what is compared by words.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from ratchet.client.values import dumps, plain

Step = Literal["requery", "regenerate", "abandon", "continue"]

IDLE_S = 1800.0
_REQUERY_S = 300.0
_SIMILAR = 0.5
_FEWEST_WORDS = 3
_FEWEST_LETTERS = 8
"""Of a text with fewer words, such as one in a script without spaces, pairs of letters are compared instead."""
_MOST_COMPARED = 64
_LONGEST_READ = 2_000
_WORD = re.compile(r"\w+")


class InputPrint(NamedTuple):
    """What is remembered of an input: a digest of all of it, and hashes of its words. Not the text itself."""

    digest: bytes
    words: frozenset[int]
    whole: bool
    """It is a conversation, so that an equal one is a retry however short its last message is."""


class Answer(NamedTuple):
    """An answer whose next step is not known yet. `at` is a time in seconds; `user` and `consent` are the app's values.

    `retried`: it answers the same or a similar input as the one before it.
    """

    execution_id: str
    input: InputPrint | None
    at: float = 0.0
    user: Any = None
    consent: Any = None
    retried: bool = False


def input_print(value: object) -> InputPrint | None:
    """Return what is remembered of an input; None where there is none, or it can't be read."""
    try:
        found = plain(value)
        if found is None:
            return None
        whole = isinstance(found, list)
        text = _last_message(found) if whole else found if isinstance(found, str) else dumps(found)
        normal = " ".join(text.casefold().split())
        digest = blake2b((dumps(found) if whole else normal).encode(), digest_size=16).digest()
        return InputPrint(digest, _words(normal[:_LONGEST_READ]), whole)
    except Exception:  # an odd value: the app must not fail
        return None


def next_step(previous: Answer, following: InputPrint | None, now: float) -> Step | None:
    """Return the step of an answer whose session went on with an input; None where it is not known."""
    if now - previous.at > IDLE_S:
        return last_step(previous)
    before = previous.input
    if before is None or following is None:
        return None
    if before.digest == following.digest and (following.whole or following.words):
        return "regenerate"
    if now - previous.at <= _REQUERY_S and _similarity(before.words, following.words) >= _SIMILAR:
        return "requery"
    return "continue"


def last_step(previous: Answer) -> Step | None:
    """Return the step of the last answer of a session; None where it is not known."""
    return "abandon" if previous.retried else None


def _last_message(messages: list[Any]) -> str:
    """Return the text of the last message of the user, else of all of them."""
    for message in reversed(messages):
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = message.get("content")
            return content if isinstance(content, str) else dumps(content)
    return dumps(messages)


def _words(text: str) -> frozenset[int]:
    words = _WORD.findall(text)
    letters = "".join(words)
    if len(words) < _FEWEST_WORDS:
        words = [letters[at : at + 2] for at in range(len(letters) - 1)] if len(letters) >= _FEWEST_LETTERS else []
    return frozenset(hash(word) for word in words[:_MOST_COMPARED])


def _similarity(first: frozenset[int], second: frozenset[int]) -> float:
    """Return the share of common words among all of both."""
    either = first | second
    return len(first & second) / len(either) if either else 0.0
