"""Random digits and letters for generated texts, and the languages of these texts."""

import random
import string

LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "pt", "nl", "ja", "ar")


def draw_digits(rnd: random.Random, count: int) -> str:
    return "".join(rnd.choice(string.digits) for _ in range(count))


def draw_letters(rnd: random.Random, alphabet: str, count: int) -> str:
    return "".join(rnd.choice(alphabet) for _ in range(count))


def fill(rnd: random.Random, pattern: str) -> str:
    """Return `pattern` with `d` replaced by any digit and `n` by one from 2 to 9."""
    return "".join(draw_digits(rnd, 1) if c == "d" else rnd.choice("23456789") if c == "n" else c for c in pattern)
