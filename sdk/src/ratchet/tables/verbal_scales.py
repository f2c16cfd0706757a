"""Scales of words: yes and no, levels of agreement and satisfaction."""

from collections.abc import Mapping, Sequence
from typing import Any

YES_NO: Mapping[str, float] = {
    **dict.fromkeys(("true", "t", "yes", "y", "wahr", "ja", "j", "vrai", "oui", "verdadero", "sí", "si"), 1.0),
    **dict.fromkeys(("vero", "sì", "verdadeiro", "sim", "waar", "sant", "да", "истина", "tak", "prawda"), 1.0),
    **dict.fromkeys(("真", "是", "はい", "예", "✓", "✔", "✅", "on", "evet"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n", "falsch", "nein", "faux", "non", "falso", "não", "nao", "onwaar"), 0.0),
    **dict.fromkeys(("nee", "falskt", "nej", "нет", "ложь", "nie", "fałsz", "假", "否", "いいえ", "아니요"), 0.0),
    **dict.fromkeys(("✗", "✘", "❌", "off", "hayır"), 0.0),
}
"""Words for yes and no, casefolded."""
THUMBS: Mapping[str, float] = {
    **dict.fromkeys(("up", "thumbs up", "thumb up", "thumbsup", "like", "liked", "👍", "upvote"), 1.0),
    **dict.fromkeys(("down", "thumbs down", "thumb down", "thumbsdown", "dislike", "disliked", "👎", "downvote"), 0.0),
    **dict.fromkeys(("positive", "good"), 1.0),
    **dict.fromkeys(("negative", "bad"), 0.0),
}
"""Words for a thumb, in the form of `normalise_word`."""

_LIKERT: tuple[tuple[tuple[str, ...], ...], ...] = (
    (
        ("strongly disagree", "completely disagree", "totally disagree"),
        ("disagree", "somewhat disagree"),
        ("neutral", "neither agree nor disagree", "undecided", "neither"),
        ("agree", "somewhat agree"),
        ("strongly agree", "completely agree", "totally agree"),
    ),
    (
        ("very dissatisfied", "very unsatisfied"),
        ("dissatisfied", "unsatisfied", "somewhat dissatisfied"),
        ("neutral", "neither", "neither satisfied nor dissatisfied"),
        ("satisfied", "somewhat satisfied"),
        ("very satisfied", "extremely satisfied"),
    ),
    (
        ("very poor", "very bad", "terrible", "awful"),
        ("poor", "bad"),
        ("fair", "average", "ok", "okay", "neutral", "acceptable", "mediocre"),
        ("good",),
        ("very good", "excellent", "great", "perfect", "outstanding"),
    ),
    (
        ("very unhelpful", "not at all helpful"),
        ("unhelpful", "not helpful", "slightly helpful"),
        ("neutral", "moderately helpful", "somewhat helpful"),
        ("helpful",),
        ("very helpful", "extremely helpful"),
    ),
    (
        ("trifft überhaupt nicht zu", "stimme gar nicht zu", "sehr unzufrieden", "sehr schlecht"),
        ("trifft eher nicht zu", "stimme nicht zu", "unzufrieden", "schlecht"),
        ("teils teils", "teils/teils", "weder noch", "neutral", "mittel"),
        ("trifft eher zu", "stimme zu", "zufrieden", "gut"),
        ("trifft voll zu", "trifft voll und ganz zu", "stimme voll zu", "sehr zufrieden", "sehr gut"),
    ),
    (
        ("pas du tout d'accord", "très insatisfait", "très mauvais"),
        ("pas d'accord", "insatisfait", "mauvais"),
        ("neutre", "ni d'accord ni pas d'accord", "moyen"),
        ("d'accord", "satisfait", "bon"),
        ("tout à fait d'accord", "très satisfait", "très bon", "excellent"),
    ),
)
_TWO_WORDS = frozenset(
    {"good", "bad", "helpful", "unhelpful", "not helpful", "neutral", "ok", "okay", "poor", "perfect"}
)
AGREEMENT: Mapping[str, float] = {word: float(at) for at, words in enumerate(_LIKERT[0], 1) for word in words}
"""Levels of agreement with a statement; which end is good depends on the statement."""


def likert(words: Sequence[str]) -> Mapping[str, float] | None:
    """Return the scale from 1 to 5 that has nearly all of these words and at least two of its levels; else None.

    Words for only good and bad are not a scale.
    """
    known = [normalise_word(word) for word in words]
    if _TWO_WORDS.issuperset(known):
        return None
    for levels in _LIKERT:
        scale = {word: float(at) for at, named in enumerate(levels, 1) for word in named}
        read = [scale[word] for word in known if word in scale]
        if len(read) >= 0.9 * len(known) and len(set(read)) >= 2:
            return scale
    return None


def normalise_word(text: Any) -> str:
    """Return a word casefolded, without underscores, hyphens and surrounding characters."""
    return " ".join(str(text).casefold().replace("_", " ").replace("-", " ").split())
