"""Which column is what: as given, else by its name and cells. Guesses are said, doubts are asked."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from analyzer.domain.segments.dimensions import DEFAULTS
from ratchet.tables import BadFile, Doubt, Option, Sample
from ratchet.tables.numbers import likert, parse
from ratchet.tables.times import TimeFormat, time_format
from ratchet_backtest.cell_values import duration, failure, label, leveled, readable, reads, thumb
from ratchet_backtest.option_types import Preset
from ratchet_backtest.scales import direction_by_name, measured_name
from shared.metric_catalog import tokens

# Names of columns by role, the likeliest first.
_TIMES = (
    *("occurred at", "timestamp", "time", "created at", "created", "started at", "start time", "date time", "datetime"),
    *("event time", "logged at", "recorded at", "submitted at", "timestamp ms", "timestamp utc", "received at"),
    *("inserted at", "date", "ts", "day", "zeit", "datum", "zeitstempel", "zeitpunkt", "erstellt am", "fecha"),
    *("hora", "horodatage"),
)
_TIME_ENDS = frozenset(tokens("at time date timestamp ts datetime zeit datum"))
_VERSIONS = (
    *("prompt version", "version", "prompt digest", "prompt id", "prompt hash", "prompt label", "prompt name"),
    *("variant", "arm", "experiment", "experiment name"),
)
_MODELS = ("model", "model name", "model id", "llm", "llm model", "provider id")
_TARGETS = ("target", "app", "application", "service", "endpoint")
_USERS = ("user", "user id", "user hash", "customer", "customer id")
_INPUTS = ("input", "question", "query", "user input", "user message")
# Words in the names of columns that hold values, and of those that hold numbers but never values.
_VALUES = frozenset(
    tokens(
        "score scores rating ratings star stars thumb thumbs csat nps feedback value quality label verdict correct "
        "helpful helpfulness accuracy accurate reward grade vote liked factuality relevance relevancy sentiment "
        "success pass passed"
    )
)
_COSTS = frozenset(tokens("latency duration elapsed cost costs ttft price"))
_NEVER = frozenset(
    tokens(
        "id ids uuid n tokens token count index idx row hash seed temperature length len size chars position step "
        "epoch unnamed rank num max page year month number level total"
    )
)
Whole = Callable[[str], Sequence[Any]]
_MOST_VALUES = 30
_MOST_LABELS = 20


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


class _Roles:
    """Hands out columns: each has one role."""

    def __init__(self, sample: Sample, given: Given) -> None:
        self.sample = sample
        self.free = [name for name in sample.columns if name not in given.named()]
        self.guessed: dict[str, str] = {}

    def find(
        self, role: str, given: str | None, names: Sequence[str], fits: Callable[[Sequence[Any]], bool]
    ) -> str | None:
        """The given column, or the free one with the earliest of `names` whose cells fit."""
        if given:
            return given
        called = {name: column for column in reversed(self.free) for name in _called(column)}
        found = next((called[name] for name in names if name in called and self._fits(called[name], fits)), None)
        if found:
            self.take(role, found)
        return found

    def take(self, role: str, column: str) -> None:
        self.guessed[role] = column
        self.free.remove(column)

    def _fits(self, column: str, fits: Callable[[Sequence[Any]], bool]) -> bool:
        return fits(self.sample.known(column))


def columns(sample: Sample, given: Given, format_name: str | None = None, whole: Whole | None = None) -> Columns:
    """The columns to use. Raises BadFile where a given one is not there, or none can be told to hold values.

    `format_name` is the time format that was given. `whole` reads more cells of a column than the sample has.
    """
    if not sample.columns:
        raise BadFile("there is no row in it that can be read")
    if not any(sample.columns.values()):
        raise BadFile(f"there is no row that can be read below the header: {listed(sample.columns)}")
    for name in given.named():
        if name not in sample.columns:
            raise BadFile(f"there is no column {name}; there are {listed(sample.columns)}")
    roles = _Roles(sample, given)
    time, untimed = _time(roles, given.time, format_name, whole or sample.known)
    version = roles.find("version", given.version, _VERSIONS, _names)
    model = roles.find("model", given.model, _MODELS, _names)
    target = roles.find("target", given.target, _TARGETS, _names)
    text = roles.find("input", given.input, _INPUTS, _texts)
    user = roles.find("user", given.user, _USERS, _names)
    segments = given.segments or _segments(roles)
    values = given.values or _values(sample, roles.free)
    if not given.values:
        roles.guessed["values" if len(values) > 1 else "value"] = ", ".join(values)
    unused = tuple(name for name in roles.free if name not in values)
    return Columns(time, values, target, version, model, text, segments, user, roles.guessed, unused, untimed)


def _time(roles: _Roles, given: str | None, format_name: str | None, whole: Whole) -> tuple[str | None, str | None]:
    """The column of times, and why one that is called so is not taken. Raises Doubt."""
    sample = roles.sample
    if given:
        cells = sample.known(given)
        if cells and time_format_of(given, cells, format_name, whole) is None:
            raise Doubt(_no_times(given, cells), Option("--time-format", "its pattern", "time_format", None))
        return given, None

    def timed(column: str) -> TimeFormat | None:
        cells = sample.known(column)
        if len(cells) < 0.5 * len(sample.columns[column]):
            return None
        return time_format_of(column, cells, format_name, whole)

    called = {name: column for column in reversed(roles.free) for name in _called(column)}
    likely = [called[name] for name in _TIMES if name in called]
    found = next((column for column in likely if timed(column)), None)
    if found is None:
        dated = _dated(sample, [name for name in roles.free if name not in likely])
        if len(dated) > 1:
            options = [Option(f"--time {name}", f"the times are those of {name}", "time", name) for name in dated[:5]]
            raise Doubt(f"several columns hold times ({listed(dated)})", *options)
        found = next(iter(dated), None)
    if found is not None:
        roles.take("time", found)
        return found, None
    named = next((column for column in likely if 2 * len(sample.known(column)) > len(sample.columns[column])), None)
    return None, _no_times(named, sample.known(named)) if named else None


def time_format_of(column: str, cells: Sequence[Any], name: str | None, whole: Whole) -> TimeFormat | None:
    """The format of a column's times by some of its cells, and by all of them where those leave a doubt."""
    try:
        return time_format(column, cells, name)
    except Doubt:
        return time_format(column, [*cells, *whole(column)], name)


def _dated(sample: Sample, free: Sequence[str]) -> list[str]:
    """The columns of dates, whatever they are called; of numbers, only those called like times."""
    found = []
    for name in free:
        cells = sample.known(name)
        if not cells or len(cells) < 0.5 * len(sample.columns[name]):
            continue
        ends = not _TIME_ENDS.isdisjoint(tokens(_last(name))[-1:])
        if type(cells[0]) in (int, float, bool) and not ends:
            continue
        kind = _format_or_none(name, cells)
        if kind is not None and (ends or not kind.name.startswith("epoch")):
            found.append(name)
    ending = [name for name in found if not _TIME_ENDS.isdisjoint(tokens(_last(name))[-1:])]
    return ending if len(ending) == 1 else found


def _format_or_none(name: str, cells: Sequence[Any]) -> TimeFormat | None:
    try:
        return time_format(name, cells)
    except Doubt:
        return TimeFormat("day-first", lambda cell: 0.0)


def _no_times(column: str, cells: Sequence[Any]) -> str:
    return f"{column} holds no times that can be read, but such as {str(cells[0])[:40]!r}"


def _segments(roles: _Roles) -> tuple[str, ...]:
    """The columns that are called as the dimensions are that the analyzer knows by itself."""
    known = {" ".join(tokens(alias)) for name, aliases in DEFAULTS.items() if name != "model" for alias in aliases}
    found = [name for name in roles.free if _words(name) in known and roles.sample.known(name)]
    if found:
        roles.guessed["segments"] = ", ".join(found)
    for name in found:
        roles.free.remove(name)
    return tuple(found)


def _names(cells: Sequence[Any]) -> bool:
    return bool(cells) and not isinstance(cells[0], dict | list)


def _texts(cells: Sequence[Any]) -> bool:
    return bool(cells) and all(type(cell) is str for cell in cells)


def _values(sample: Sample, free: Sequence[str]) -> tuple[str, ...]:
    """The columns that are called like values, else the only one that can be. Raises Doubt, or BadFile."""
    usable = [name for name in free if _can_be(name) and (_measures(name, sample) or _broken(name, sample))]
    named = _without_doubles([name for name in usable if _is_called_value(name)], sample)
    costs = [name for name in free if _costs(name) and _measures(name, sample)]
    if named:
        return tuple(named[:_MOST_VALUES])
    candidates = usable or costs
    if len(candidates) == 1:
        return tuple(candidates)
    if candidates:
        options = [Option(f"--value {name}", f"the values are those of {name}", "value", name) for name in candidates]
        raise Doubt(f"several columns can hold the values ({listed(candidates)})", *options[:8])
    called = [name for name in free if (_is_called_value(name) or _costs(name)) and _can_be_asked(sample.known(name))]
    if called:
        return (called[0],)
    empty = [name for name in free if _is_called_value(name) and not sample.known(name)]
    if empty:
        raise BadFile(f"{empty[0]} holds nothing; there are {listed(sample.columns)}")
    raise BadFile(f"no column looks like values; name one by --value. There are {listed(sample.columns)}")


def _can_be(name: str) -> bool:
    """No number that counts or names something; `user_rating` is a rating, `rating_count` is none."""
    words = tokens(_last(name))
    return bool(words) and _NEVER.isdisjoint(words[-1:]) and words != ["user"] and not _costs(name)


def _is_called_value(name: str) -> bool:
    if _costs(name):
        return False
    return not _VALUES.isdisjoint(tokens(measured_name(name))) or direction_by_name(name) is not None


def _costs(name: str) -> bool:
    return not _COSTS.isdisjoint(tokens(_last(name)))


def _measures(name: str, sample: Sample) -> bool:
    cells = sample.known(name)
    if len(cells) < min(3, sample.size) or (_counts_rows(cells) and not _is_called_value(name)):
        return False
    readers = (_number, thumb, label(measured_name(name), {}), failure)
    if any(readable(cells, read) for read in readers):
        return True
    if _costs(name) and readable(cells, duration()):
        return True
    levels = likert([cell for cell in cells if type(cell) is str])
    return levels is not None and readable(cells, leveled(levels))


def _counts_rows(cells: Sequence[Any]) -> bool:
    """Whether a column only numbers the rows, as pandas' index does."""
    if len(cells) < 5:
        return False
    try:
        first, *others = [int(cell) for cell in cells]
    except (TypeError, ValueError, OverflowError):
        return False
    return all(number == first + step for step, number in enumerate(others, 1))


def _without_doubles(names: Sequence[str], sample: Sample) -> list[str]:
    """Without columns that repeat another one cell by cell."""
    seen: list[Sequence[Any]] = []
    found = []
    for name in names:
        cells = sample.columns[name]
        if not any(cells == other for other in seen):
            seen.append(cells)
            found.append(name)
    return found


def _broken(name: str, sample: Sample) -> bool:
    """Whether a column is called like values and mostly holds numbers: what else is in it is shown, not passed over."""
    cells = sample.known(name)
    if not _is_called_value(name) or len(cells) < 3:
        return False
    return sum(reads(cell, _number) for cell in cells) > 0.5 * len(cells)


def _number(cell: Any) -> float:
    return 0.0 if parse(cell) else math.nan


def _can_be_asked(cells: Sequence[Any]) -> bool:
    """Whether a column is of few words, or of cells as short as numbers."""
    texts = {cell for cell in cells if type(cell) is str}
    return 0 < len(texts) <= _MOST_LABELS or any(reads(cell, _number) for cell in cells)


def _words(column: str) -> str:
    return " ".join(tokens(_last(column)))


def _called(column: str) -> tuple[str, ...]:
    """The words of a column's name: of its last part, and of its last two."""
    parts = column.split(".")
    return _words(column), " ".join(tokens(" ".join(parts[-2:])))


def _last(column: str) -> str:
    """The name without the path to it."""
    return column.rpartition(".")[2] or column


def listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
    return ", ".join(shown[:30]) + more
