"""Which column is what: as told, else by its name. What was guessed is said; what is ambiguous is asked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from analyzer.backtest.cells import failure, label, moment, number, readable, reads, thumb
from analyzer.backtest.files import Sample
from analyzer.backtest.kinds import Preset
from analyzer.backtest.naming import tokens
from analyzer.backtest.troubles import BadFile
from analyzer.segments.dimensions import DEFAULTS

# Names of columns by role, the likeliest first.
_TIMES = (
    *("occurred at", "timestamp", "time", "created at", "created", "started at", "start time", "date time", "datetime"),
    *("received at", "date", "ts", "day"),
)
_VERSIONS = ("prompt version", "version", "prompt digest", "prompt id", "prompt hash", "prompt name", "variant", "arm")
_MODELS = ("model", "model name", "model id", "llm", "llm model")
_TARGETS = ("target", "app", "application", "service", "endpoint")
_USERS = ("user", "user id", "user hash", "customer", "customer id")
_INPUTS = ("input", "question", "query", "user input", "user message")
# Words in the names of columns that hold values, and of those that hold numbers but never values.
_VALUES = frozenset(
    tokens(
        "score scores rating ratings star stars thumb thumbs csat feedback value quality label verdict correct helpful "
        "helpfulness accuracy accurate reward grade vote liked hallucination hallucinated factuality faithfulness "
        "relevance relevancy toxicity"
    )
)
_COSTS = frozenset(tokens("latency duration elapsed cost"))
_NEVER = frozenset(
    tokens("id ids tokens token count index row hash seed temperature latency duration elapsed cost user")
)


@dataclass(frozen=True, slots=True)
class Given:
    """The columns that were named by flags."""

    time: str | None = None
    values: tuple[str, ...] = ()
    target: str | None = None
    version: str | None = None
    model: str | None = None
    input: str | None = None
    segments: tuple[str, ...] = ()
    user: str | None = None

    def named(self) -> tuple[str, ...]:
        alone = (self.time, self.target, self.version, self.model, self.input, self.user)
        return (*(name for name in alone if name is not None), *self.values, *self.segments)

    def over(self, preset: "Given") -> "Given":
        """What is given here, and the rest as in `preset`."""
        return Given(*(mine or theirs for mine, theirs in zip(astuple(self), astuple(preset), strict=True)))


PRESETS: Mapping[Preset, Given] = {
    "frank": Given(values=("Factuality",), version="model_name"),
    "halueval": Given(values=("hallucination",), input="query"),
}


@dataclass(frozen=True, slots=True)
class Columns(Given):
    """The columns that are used, given or guessed; `guessed` has what was guessed, by role.

    `unused` are all others. `untimed` tells why a column that is called like a time is not taken for one.
    """

    guessed: dict[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    untimed: str | None = None


def columns(sample: Sample, given: Given) -> Columns:
    """The columns to use. Raises BadFile where a given one is not there, or none can be told to hold values."""
    if not sample.columns:
        raise BadFile("there is no row in it that can be read")
    if not any(sample.columns.values()):
        raise BadFile(f"there is no row that can be read below the header: {listed(sample.columns)}")
    for name in given.named():
        if name not in sample.columns:
            raise BadFile(f"there is no column {name}; there are {listed(sample.columns)}")
    free = [name for name in sample.columns if name not in given.named()]
    guessed: dict[str, str] = {}

    def role(name: str, told: str | None, names: Sequence[str], fits: Callable[[Sequence[Any]], bool]) -> str | None:
        found = told or _first(sample, free, names, fits)
        if found and not told:
            guessed[name] = found
            free.remove(found)
        return found

    if given.time and (cells := sample.known(given.time)) and not any(reads(cell, moment) for cell in cells):
        raise BadFile(_no_times(given.time, cells))
    time = role("time", given.time, _TIMES, _times) or role("time", None, _dated(sample, free), _times)
    version = role("version", given.version, _VERSIONS, bool)
    model = role("model", given.model, _MODELS, bool)
    target = role("target", given.target, _TARGETS, bool)
    text = role("input", given.input, _INPUTS, _texts)
    user = role("user", given.user, _USERS, bool)
    segments = given.segments or _segments(sample, free, guessed)
    values = given.values or (_value(sample, free),)
    if not given.values:
        guessed["value"] = values[0]
    unused = tuple(name for name in free if name not in values)
    untimed = None if time else _untimed(sample, free)
    return Columns(time, values, target, version, model, text, segments, user, guessed, unused, untimed)


def _first(
    sample: Sample, free: Sequence[str], names: Sequence[str], fits: Callable[[Sequence[Any]], bool]
) -> str | None:
    """The column with the earliest of `names`, if its cells fit."""
    called = {_words(column): column for column in reversed(free)}
    return next((called[name] for name in names if name in called and fits(sample.known(called[name]))), None)


def _segments(sample: Sample, free: list[str], guessed: dict[str, str]) -> tuple[str, ...]:
    """The columns that are called as the dimensions are that the analyzer knows by itself."""
    known = {" ".join(tokens(alias)) for name, aliases in DEFAULTS.items() if name != "model" for alias in aliases}
    found = [name for name in free if _words(name) in known and sample.known(name)]
    if found:
        guessed["segments"] = ", ".join(found)
    for name in found:
        free.remove(name)
    return tuple(found)


def _times(cells: Sequence[Any]) -> bool:
    return readable(cells, moment)


def _dated(sample: Sample, free: Sequence[str]) -> list[str]:
    """The words of the one column of dates, whatever it is called: numbers may be times or anything."""
    found = [
        name for name in free if _times(cells := sample.known(name)) and not any(reads(cell, number) for cell in cells)
    ]
    return [_words(found[0])] if len(found) == 1 else []


def _untimed(sample: Sample, free: Sequence[str]) -> str | None:
    called = _first(sample, free, _TIMES, bool)
    return _no_times(called, sample.known(called)) if called else None


def _no_times(column: str, cells: Sequence[Any]) -> str:
    return (
        f"{column} holds no times that can be read, but such as {str(cells[0])[:40]!r}; ISO 8601 and Unix times can be"
    )


def _texts(cells: Sequence[Any]) -> bool:
    return bool(cells) and all(type(cell) is str for cell in cells)


def _value(sample: Sample, free: Sequence[str]) -> str:
    """The one column that can be it."""
    usable = [name for name in free if _measures(sample.known(name)) and _NEVER.isdisjoint(tokens(_last(name)))]
    named = [name for name in usable if not _VALUES.isdisjoint(tokens(_last(name)))]
    candidates = named or usable or [name for name in free if _costs(name) and _measures(sample.known(name))]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise BadFile(f"several columns can hold the values ({listed(candidates)}): name one or more by --value")
    raise BadFile(f"no column looks like values; name one by --value. There are {listed(sample.columns)}")


def _costs(name: str) -> bool:
    return not _COSTS.isdisjoint(tokens(_last(name)))


def _measures(cells: Sequence[Any]) -> bool:
    return any(readable(cells, read) for read in (number, thumb, label, failure))


def _words(column: str) -> str:
    return " ".join(tokens(_last(column)))


def _last(column: str) -> str:
    """The name without the path to it."""
    return column.rpartition(".")[2] or column


def listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
    return ", ".join(shown[:30]) + more
