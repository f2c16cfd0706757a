"""Doubts about a file, as questions to the person at the terminal; each answer changes what is asked of the file."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ratchet.cli.output import console
from ratchet.sanitize import visible
from ratchet.tables import BadFile, Doubt, Option
from ratchet_backtest.option_types import Better
from ratchet_backtest.report import Report
from ratchet_backtest.runner import Options
from shared.metric_catalog import Meaning, normalized_label

Ask = Callable[[Doubt], tuple[Option, Any]]
"""Returns the option that a person chose, and its value."""
_MOST_QUESTIONS = 20


def answered(question: Options, look: Callable[[Options], Report], ask: Ask | None) -> Report:
    """The report, after all doubts were asked. Without `ask` the first doubt is raised. Raises BadFile."""
    for _ in range(_MOST_QUESTIONS):
        try:
            return look(question)
        except Doubt as doubt:
            if ask is None or not doubt.options:
                raise
            question = changed(question, *ask(doubt))
    return look(question)


def changed(question: Options, option: Option, value: Any) -> Options:
    """The question with one more thing decided."""
    given, layout = question.given, question.layout
    match option.field:
        case "header" | "sheet":
            return replace(question, layout=replace(layout, **{option.field: value}))
        case "missing":
            return replace(question, layout=replace(layout, missing=layout.missing | frozenset(words([value]))))
        case "good" | "bad":
            more = meanings([value], ()) if option.field == "good" else meanings((), [value])
            return replace(question, meanings={**question.meanings, **more})
        case "value":
            return replace(question, given=replace(given, values=(value,)))
        case "time" | "target":
            return replace(question, given=replace(given, **{option.field: value}))
        case "directions":
            return replace(question, directions={**question.directions, value[0]: value[1]})
    return replace(question, **{option.field: value})


def terminal() -> Ask | None:
    """Asks on the terminal; None where nobody sits at one."""
    return _ask if sys.stdin.isatty() and sys.stderr.isatty() else None


def _ask(doubt: Doubt) -> tuple[Option, Any]:
    out = console(stderr=True)
    out.print(visible(f"{doubt.problem}."), markup=False, highlight=False)
    for number, option in enumerate(doubt.options, 1):
        out.print(visible(f"  {number}  {option.meaning} ({option.flag})"), markup=False, highlight=False)
    while True:
        chosen = _line(f"1 to {len(doubt.options)}: ")
        if chosen.isdigit() and 1 <= int(chosen) <= len(doubt.options):
            option = doubt.options[int(chosen) - 1]
            return option, option.value if option.value is not None else _line(f"{option.flag.split()[0]} ")


def _line(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise BadFile("nothing was chosen")
    return line.strip()


def words(texts: Sequence[str]) -> list[str]:
    """`a,b` and `c` as three words in folded case."""
    return [word.strip().casefold() for text in texts for word in text.split(",") if word.strip()]


def meanings(good: Sequence[str], bad: Sequence[str]) -> Mapping[str, Meaning]:
    """What given labels mean. Raises BadFile where one is both."""
    found: dict[str, Meaning] = dict.fromkeys(map(normalized_label, words(good)), "good")
    for word in map(normalized_label, words(bad)):
        if word in found:
            raise BadFile(f"--good and --bad: {word!r} cannot be both")
        found[word] = "bad"
    return found


def directions(texts: Sequence[str]) -> Mapping[str, Better]:
    """`toxicity=lower` by column. Raises BadFile."""
    found: dict[str, Better] = {}
    for text in texts:
        column, _, end = text.rpartition("=")
        if not column or end not in ("higher", "lower"):
            raise BadFile(f"--direction: {text!r} is not like toxicity=lower")
        found[column] = "lower" if end == "lower" else "higher"
    return found
