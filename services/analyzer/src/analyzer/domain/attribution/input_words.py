"""Words of an input."""

from functools import lru_cache
from itertools import islice

Words = tuple[str, ...]
_LONGEST_INPUT = 1000
_MOST_PIECES = 64
_MOST_WORDS = 40
_SHORTEST = 3
_LONGEST = 24
_MOST_KNOWN = 4096
_MARKS = ".,:;!?()[]{}<>\"'`*_~#|/\\-–—…„“”‚‘’«»¿¡"


@lru_cache(maxsize=16)  # several metrics of one execution are processed in sequence
def words_in(text: str) -> Words:
    """Return the distinct words among the first 64 pieces of an input, case-folded; at most 40."""
    pieces = text[:_LONGEST_INPUT].split(None, _MOST_PIECES)[:_MOST_PIECES]
    found = dict.fromkeys(map(_word_of, pieces))
    found.pop("", None)
    return tuple(islice(found, _MOST_WORDS))


def _word(piece: str) -> str:
    """Return the word without punctuation around it; empty if it is not a word."""
    folded = piece.casefold()
    word = folded if folded.isalpha() else folded.strip(_MARKS)
    return word if _SHORTEST <= len(word) <= _LONGEST and word.isalpha() else ""


class _KnownWords(dict[str, str]):
    """Words by piece: remembers `_word` as an lru_cache would, with a faster look-up, since most words are frequent."""

    def __missing__(self, piece: str) -> str:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        word = self[piece] = _word(piece)
        return word


_word_of = _KnownWords().__getitem__
