"""Search for e-mail addresses, also spelled ones such as `john at example dot com`.

The patterns of which one takes milliseconds to compile are compiled at their first use, not at the start.
"""

import re
from collections.abc import Iterator
from functools import cache

from shared.pii.windowed_search import Bounds, matches

_ATTACHED = "\u0590-\u08ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Letters of scripts without spaces between an address and the words around it."""
_LOCAL = rf"(?:[^\W{_ATTACHED}]|[.!#$%&'*+/=?^`{{|}}~-])"
_LABEL = rf"(?:[^\W{_ATTACHED}_]|-)"


@cache
def _email() -> re.Pattern[str]:
    return re.compile(
        rf"(?:(?<![^\W{_ATTACHED}])(?<![.%+'-])|(?<=mailto:)){_LOCAL}{{1,500}}+@"
        rf"(?:\[[0-9A-Fa-f.:]{{7,45}}\]|(?:{_LABEL}{{1,63}}\.){{1,8}}{_LABEL}{{2,63}})"
    )


_QUOTED = re.compile(r'"[^"\s][^"\n]{0,62}"@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}')
_ANY_SCRIPT = re.compile(r"(?<![\w.%+'-])[\w.%+'-]{1,500}+@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}")
_SERVICE = re.compile(r"(?:\S*[^\w.+-])?(?:git|hg|svn|gitea|forgejo)@", re.IGNORECASE)
"""Accounts of version control, such as in `git@github.com:a/b.git`, are not personal."""

_TOP = (
    r"(?:com?|net|org|info|biz|edu|gov|io|app|dev|ai|me|eu|uk|us|ca|au|nz|ie|de|at|ch|fr|be|nl|lu|es|pt|it|pl|cz|sk|hu|"
    r"ro|bg|gr|se|no|dk|fi|is|ee|lv|lt|ru|ua|tr|il|sa|ae|eg|ma|za|ng|ke|in|pk|cn|hk|tw|jp|kr|sg|my|id|th|vn|ph|br|mx|"
    r"ar|cl|pe|cat|online|shop|example|test|mail|email)(?![\w-])"
)


@cache
def _spaced() -> re.Pattern[str]:
    return re.compile(
        rf"(?<![\w.+-])(?!(?:me|us|him|her|them|follow|see)\b){_LOCAL}{{1,64}}+(?: {{1,2}}@ {{0,2}}|@ {{1,2}})"
        rf"(?:[\w-]{{1,63}}\.){{1,5}}{_TOP}",
        re.IGNORECASE,
    )


_AT = r"(?:at|@|arroba|chiocciola|arobase|małpa)"
_DOT = r"(?:dot|\.|punkt|punto|point|ponto|kropka|punt)"
_MARKED_AT = rf" ?[(\[{{<] ?{_AT} ?[)\]}}>] ?"
_MARKED_DOT = rf" ?[(\[{{<] ?{_DOT} ?[)\]}}>] ?"
_WORD_DOT = r" (?:dot|punkt|punto|point|ponto|kropka|punt) "
_NAME = rf"(?<![\w.+-]){_LOCAL}{{1,64}}+(?:(?:{_MARKED_DOT}|{_WORD_DOT})[\w+-]{{1,64}}){{0,4}}"


@cache
def _marked() -> re.Pattern[str]:
    return re.compile(
        rf"{_NAME}{_MARKED_AT}[\w-]{{1,63}}(?:(?:\.|{_MARKED_DOT}|{_WORD_DOT})[\w-]{{2,63}}){{1,4}}", re.IGNORECASE
    )


@cache
def _spelled() -> re.Pattern[str]:
    return re.compile(
        rf"{_NAME} (?:at|arroba|chiocciola|arobase|małpa) (?!(?:the|this|that|a|an|our|my|your|its|which|what)\b)"
        rf"[\w-]{{1,63}}(?:(?:\.|{_MARKED_DOT}|{_WORD_DOT})[\w-]{{2,63}}){{0,3}}(?:{_MARKED_DOT}|{_WORD_DOT}){_TOP}",
        re.IGNORECASE,
    )


_OPENED = tuple(mark + blank for mark in "([{<" for blank in ("", " "))
_AT_MARK = re.compile(r"[(\[{<] ?(?:at|@|ar|ch|ma)")
_AT_WORDS = (" at ", " arroba ", " chiocciola ", " arobase ", " małpa ")
_DOT_WORDS = tuple(f" {word} " for word in ("dot", "punkt", "punto", "point", "ponto", "kropka", "punt"))
_DOT_MARKS = (*_DOT_WORDS, *(mark + word for mark in _OPENED for word in ("dot", ".", "pu", "po", "kr")))
_SPELLED_AT = re.compile(
    r"[(\[{<] ?(?:at|@|arroba|chiocciola|arobase|małpa)|"
    r" (?:at|arroba|chiocciola|arobase|małpa) "
    r"(?=[\w.-]{1,80}(?: (?:dot|pun|poi|pon|kro)| ?[(\[{<] ?(?:dot|\.|pun|poi|pon|kro)))",
    re.IGNORECASE,
)
_NEAR = 512
_AROUND = 400


def may_be_spelled(text: str) -> bool:
    """Tell whether `find_spelled_emails` can find anything; takes a microsecond if no bracket is opened."""
    lower = text.lower()
    opened = "(" in lower or "[" in lower or "{" in lower or "<" in lower
    if opened and _AT_MARK.search(lower):
        return True
    for word in _AT_WORDS:  # a loop is quicker than any()
        if word in lower:
            return any(dot in lower for dot in (_DOT_MARKS if opened else _DOT_WORDS))
    return False


def find_emails(text: str) -> Iterator[Bounds]:
    """Yield bounds of addresses with an `@`; they may overlap."""
    for start, at, end in _words(text):
        for pattern in (_email(),) if text.isascii() else (_email(), _ANY_SCRIPT):
            for match in matches(pattern, text, start, at + 1, end - at - 1):
                if not _SERVICE.match(match[0]):
                    yield match.span()
    if '"@' in text:
        yield from (match.span() for match in matches(_QUOTED, text))
    if "@ " in text or " @" in text:
        yield from (match.span() for match in matches(_spaced(), text))


def _words(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield the start of a possible address, the index of its `@`, and its end."""
    at, last = text.find("@"), 0
    while at >= 0:
        following = text.find("@", at + 1)
        start, end = max(last, at - _NEAR), min(following if following >= 0 else len(text), at + _NEAR) + 1
        for blank in " \n":
            start = max(start, text.rfind(blank, start, at) + 1)
            found = text.find(blank, at, end)
            end = found if found >= 0 else end
        yield start, at, end
        at, last = following, at + 1


def find_spelled_emails(text: str) -> Iterator[Bounds]:
    """Yield bounds of addresses that spell the `@`, the dots, or both; they may overlap."""
    for start, end in _around(text):
        for pattern in (_marked(), _spelled()):
            yield from (match.span() for match in matches(pattern, text, start, end, _AROUND))


def _around(text: str) -> list[Bounds]:
    """Return the parts in which the names in front of spelled `@` start."""
    parts: list[Bounds] = []
    for mark in matches(_SPELLED_AT, text):
        start = max(0, mark.start() - _AROUND)
        if parts and start <= parts[-1][1]:
            start = parts.pop()[0]
        parts.append((start, mark.end()))
    return parts
