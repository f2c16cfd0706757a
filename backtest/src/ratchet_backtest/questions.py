"""Questions on the terminal about doubts; each answer adds an option."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ratchet.cli.output import console
from ratchet.sanitize import visible
from ratchet.tables import BadFile, Doubt, Option
from ratchet_backtest.option_types import Better
from ratchet_backtest.report import Report
from ratchet_backtest.runner import BacktestOptions
from shared.metric_catalog import Meaning, normalized_label

Prompter = Callable[[Doubt], tuple[Option, Any]]
"""Return the chosen option and its value."""
_MOST_QUESTIONS = 20


def run_with_questions(
    options: BacktestOptions, run: Callable[[BacktestOptions], Report], ask: Prompter | None
) -> Report:
    """Run until no doubt is left and return the report. Without `ask`, raises the first Doubt. Raises BadFile."""
    for _ in range(_MOST_QUESTIONS):
        try:
            return run(options)
        except Doubt as doubt:
            if ask is None or not doubt.options:
                raise
            options = with_option(options, *ask(doubt))
    return run(options)


def with_option(options: BacktestOptions, option: Option, value: Any) -> BacktestOptions:
    """Return the options with one more set."""
    given, layout = options.given, options.layout
    match option.field:
        case "header" | "sheet":
            return replace(options, layout=replace(layout, **{option.field: value}))
        case "missing":
            return replace(options, layout=replace(layout, missing=layout.missing | frozenset(split_words([value]))))
        case "good" | "bad":
            more = parse_meanings([value], ()) if option.field == "good" else parse_meanings((), [value])
            return replace(options, meanings={**options.meanings, **more})
        case "value":
            return replace(options, given=replace(given, values=(value,)))
        case "time" | "target":
            return replace(options, given=replace(given, **{option.field: value}))
        case "directions":
            return replace(options, directions={**options.directions, value[0]: value[1]})
    return replace(options, **{option.field: value})


def terminal_prompter() -> Prompter | None:
    """Return a prompter on the terminal; None if stdin or stderr is not one."""
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
        raise BadFile("no option was chosen")
    return line.strip()


def split_words(texts: Sequence[str]) -> list[str]:
    """Return `a,b` and `c` as three case-folded words."""
    return [word.strip().casefold() for text in texts for word in text.split(",") if word.strip()]


def parse_meanings(good: Sequence[str], bad: Sequence[str]) -> Mapping[str, Meaning]:
    """Return the meaning of each given label. Raises BadFile if one is both good and bad."""
    found: dict[str, Meaning] = dict.fromkeys(map(normalized_label, split_words(good)), "good")
    for word in map(normalized_label, split_words(bad)):
        if word in found:
            raise BadFile(f"--good and --bad: {word!r} is in both")
        found[word] = "bad"
    return found


def parse_directions(texts: Sequence[str]) -> Mapping[str, Better]:
    """Parse `toxicity=lower` to directions by column. Raises BadFile."""
    found: dict[str, Better] = {}
    for text in texts:
        column, _, end = text.rpartition("=")
        if not column or end not in ("higher", "lower"):
            raise BadFile(f"--direction: {text!r} is not of the form COLUMN=higher or COLUMN=lower")
        found[column] = "lower" if end == "lower" else "higher"
    return found
