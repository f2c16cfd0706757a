"""Generated history files with known contents: dialects, encodings, number styles, missing values, time formats,
orders.

`draw` chooses a file, `write` writes it. All variants occur in real exports; where a file can be read in two ways,
`flags` has the options that decide.
"""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow
import zstandard
from pyarrow import parquet

Course = Literal["falls", "holds", "rises"]
STARTS = (datetime(2026, 3, 9, 7, 30, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC))
"""Start times. In October an hour of local time occurs twice; it is left out for files whose rows are shuffled."""
BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True, slots=True)
class Style:
    """How values from 0 to 1 are written, and their resolution: `levels` possible values, or any."""

    write: Callable[[float], Any]
    levels: Sequence[float] | None = None
    names: tuple[str, ...] = ()
    relative: bool = True
    flags: Mapping[str, Any] = field(default_factory=dict)
    texts: bool = True


def _comma(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}".rstrip("0").rstrip(".").replace(".", ",") if value else "0"


FIFTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
BOTH = (0.0, 1.0)
_WORDS = {
    "en": ("FALSE", "TRUE"),
    "de": ("FALSCH", "WAHR"),
    "fr": ("non", "oui"),
    "es": ("no", "sí"),
    "it": ("Falso", "Vero"),
}
_LIKERT = ("very dissatisfied", "Dissatisfied", "neutral", "satisfied", "Very Satisfied")
STYLES: Mapping[str, Style] = {
    "number": Style(lambda v: round(v, 3), texts=False),
    "text": Style(lambda v: f"{v:.3f}"),
    "comma": Style(_comma),
    "percent": Style(lambda v: f"{100 * v:.1f}%"),
    "percent comma": Style(lambda v: f"{_comma(100 * v, 1)} %"),
    "mixed percent": Style(lambda v: f"{100 * v:.1f}%" if int(1000 * v) % 3 == 0 else f"{v:.3f}"),
    "fraction": Style(lambda v: f"{round(4 * v) + 1}/5", None),
    "stars": Style(lambda v: f"{round(4 * v) + 1} stars", FIFTHS, ("rating", "stars", "user_rating"), False),
    "drawn stars": Style(
        lambda v: "★" * (round(4 * v) + 1) + "☆" * (4 - round(4 * v)), FIFTHS, ("rating", "stars"), False
    ),
    "rating": Style(lambda v: round(4 * v) + 1, FIFTHS, ("rating", "csat", "user_rating"), False, texts=False),
    "likert": Style(lambda v: _LIKERT[round(4 * v)], FIFTHS, ("satisfaction", "rating", "answer_quality"), False),
    "boolean": Style(lambda v: v == 1.0, BOTH, texts=False),
    "0 and 1": Style(lambda v: int(v), BOTH, texts=False),
    **{f"words {name}": Style(lambda v, words=words: words[int(v)], BOTH) for name, words in _WORDS.items()},  # type: ignore[misc]
    "thumbs": Style(lambda v: ("👎", "👍")[int(v)], BOTH, ("thumb", "feedback", "user_feedback"), False),
    "thumb words": Style(lambda v: ("thumbs_down", "Thumbs_Up")[int(v)], BOTH, ("thumb", "vote"), False),
    "plus and minus": Style(lambda v: int(2 * v) - 1, BOTH, ("thumb", "feedback", "vote"), False, texts=False),
    "labels": Style(lambda v: ("Incorrect", "correct")[int(v)], BOTH, ("verdict", "label", "correctness"), False),
    "own labels": Style(
        lambda v: ("kaputt", "prima")[int(v)], BOTH, ("verdict", "label"), False, {"good": "prima", "bad": "kaputt"}
    ),
}
HIGHER = ("score", "accuracy", "faithfulness", "helpfulness", "answer_relevancy", "correct", "user_score", "quality")
LOWER = (
    "toxicity",
    "hallucination",
    "thumbs_down",
    "complaint",
    "disliked",
    "refusal",
    "negative_user_feedback",
    "bias",
)
UNDECLARED = ("tone", "flurb", "length_ratio")
MISSING = ("", "NULL", "N/A", "nan", "None", "-", "#N/A", "n/a")


def _clock(pattern: str) -> Callable[[datetime], str]:
    return lambda at: at.strftime(pattern)


TIMES: Mapping[str, Callable[[datetime], Any] | None] = {
    "iso": lambda at: at.isoformat(),
    "iso z": _clock("%Y-%m-%dT%H:%M:%SZ"),
    "iso blank": _clock("%Y-%m-%d %H:%M:%S.%f"),
    "epoch s": lambda at: int(at.timestamp()),
    "epoch ms": lambda at: int(at.timestamp() * 1000) + 123,
    "epoch us": lambda at: int(at.timestamp() * 1_000_000),
    "epoch ns": lambda at: int(at.timestamp()) * 1_000_000_000,
    "epoch float": lambda at: at.timestamp() + 0.25,
    "german": _clock("%d.%m.%Y %H:%M"),
    "american": _clock("%m/%d/%Y %I:%M %p"),
    "american short": lambda at: f"{at.month}/{at.day}/{at:%y %H:%M}",
    "british": _clock("%d/%m/%Y %H:%M"),
    "asian": _clock("%Y/%m/%d %H:%M"),
    "rfc 2822": format_datetime,
    "javascript": lambda at: at.astimezone(BERLIN).strftime("%a %b %d %Y %H:%M:%S GMT%z (CEST)"),
    "named": _clock("%b %d, %Y %I:%M:%S %p"),
    "local": lambda at: at.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M"),
    "date": _clock("%Y-%m-%d"),
    "german date": _clock("%d.%m.%Y"),
    "none": None,
}
_DAYS = frozenset({"date", "german date", "none"})
_TIME_NAMES = ("created_at", "timestamp", "time", "Datum", "startTime")
ORDERS = ("ascending", "ascending", "descending", "shuffled")
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252")
FORMATS = (
    *("csv",) * 14,
    *("jsonl",) * 6,
    *("array", "pretty", "columns", "split", "index") * 2,
    *("xlsx", "parquet"),
)
_NESTING = frozenset({"jsonl", "array", "pretty", "parquet"})
PACKINGS = ("", "", "", "gz", "zst")


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """A file: its traits, its true values in chronological order, and the flags that it needs.

    `truth` has values from 0 (worst) to 1 (best), None where one is missing. `flags` are fields of BacktestOptions.
    """

    traits: Mapping[str, Any]
    truth: tuple[float | None, ...]
    versions: tuple[str, ...]
    course: Course
    column: str
    rows: tuple[Mapping[str, Any], ...]
    flags: Mapping[str, Any]


def draw(rng: random.Random, size: int) -> HistoryFile:
    """Draw a file of `size` rows."""
    style_name = rng.choice(list(STYLES))
    style = STYLES[style_name]
    format_ = rng.choice(FORMATS)
    direction = rng.choice(("higher", "higher", "lower", "lower", "undeclared")) if style.relative else "higher"
    column = rng.choice(style.names or {"higher": HIGHER, "lower": LOWER, "undeclared": UNDECLARED}[direction])
    time_name = rng.choice(list(TIMES))
    order = rng.choice([one for one in ORDERS if one != "shuffled" or time_name not in _DAYS])
    traits = {
        "style": style_name,
        "format": format_,
        "direction": direction,
        "column": column,
        "time": time_name,
        "order": order,
        "encoding": rng.choice(ENCODINGS),
        "packing": rng.choice(PACKINGS),
        "delimiter": rng.choice(",;\t|"),
        "declared": rng.random() < 0.1,
        "preamble": rng.random() < 0.1,
        "missing": rng.choice(MISSING),
        "share": rng.choice((0.0, 0.05, 0.3)),
        "index": rng.random() < 0.2,
        "total": rng.random() < 0.1,
        "nested": rng.random() < 0.2,
        "quoted": rng.random() < 0.3,
    }
    if style_name in ("thumbs", "drawn stars"):
        traits["encoding"] = rng.choice(("utf-8", "utf-8-sig", "utf-16"))  # other encodings lack these characters
    course: Course = rng.choice(("falls", "holds", "rises"))
    values, versions = _values(rng, course, size, style), [f"v{1 + 2 * at // size}" for at in range(size)]
    step = timedelta(minutes=rng.choice((17, 97, 601)) if size < 300 else 53)
    start = rng.choice(STARTS if time_name != "local" or order != "shuffled" else STARTS[:1])
    times = [start + at * step for at in range(size)]
    share = rng.choice((0.0, 0.05, 0.3))
    known = [None if rng.random() < share else value for value in values]
    known[0] = values[0]
    truth = [None if value is None else _kept(value, style_name) for value in known]
    rows = [
        _row(rng, number, traits, style, *each) for number, each in enumerate(zip(times, versions, known, strict=True))
    ]
    flags = _flags(traits, style, times, column)
    if traits["order"] == "descending":
        rows.reverse()
    elif traits["order"] == "shuffled":
        rng.shuffle(rows)
    return HistoryFile(traits, tuple(truth), tuple(versions), course, column, tuple(rows), flags)


def _values(rng: random.Random, course: Course, size: int, style: Style) -> list[float]:
    """Draw values from 0 to 1 (best); the mean of the second half is clearly different, except for "holds"."""
    good, bad = {"falls": (0.85, 0.3), "holds": (0.8, 0.8), "rises": (0.4, 0.9)}[course]
    found = []
    for at in range(size):
        mean = good if 2 * at < size else bad
        if style.levels == BOTH:
            found.append(float(rng.random() < mean))
        else:
            found.append(round(min(1.0, max(0.0, rng.gauss(mean, 0.15))), 3))
    levels = style.levels
    if levels == FIFTHS:
        found = [round(4 * value) / 4 for value in found]
    return found


def _kept(value: float, style: str) -> float:
    if style == "fraction":
        return round((round(4 * value) + 1) / 5, 6)
    return value


def _row(
    rng: random.Random,
    number: int,
    traits: Mapping[str, Any],
    style: Style,
    at: datetime,
    version: str,
    value: float | None,
) -> dict[str, Any]:
    written: Any = traits["missing"]
    if value is not None and traits["direction"] == "lower":
        written = f"{4 - round(4 * value)}/5" if traits["style"] == "fraction" else style.write(1.0 - value)
    elif value is not None:
        written = style.write(value)
    elif traits["format"] == "parquet" or (traits["format"] == "xlsx" and not style.texts):
        written = None
    row: dict[str, Any] = {"index": number} if traits["index"] else {}
    clock = TIMES[traits["time"]]
    if clock is not None:
        row[_TIME_NAMES[len(traits["column"]) % len(_TIME_NAMES)]] = clock(at)
    row |= {"prompt_version": version, "note": rng.choice(("fine", "a; b, c|d", 'say "no"', "über", "two\nlines"))}
    if traits["format"] in _NESTING and traits["nested"]:
        row["feedback"] = {traits["column"]: written}
    else:
        row[traits["column"]] = written
    return row


def _flags(traits: Mapping[str, Any], style: Style, times: Sequence[datetime], column: str) -> dict[str, Any]:
    """Return the options that a user has to give because the file does not determine them."""
    flags: dict[str, Any] = dict(style.flags)
    name = (
        f"feedback.{column}"
        if traits["nested"] and traits["format"] in ("jsonl", "array", "pretty", "parquet")
        else column
    )
    if traits["direction"] == "undeclared":
        flags["directions"] = {name: "higher"}
    if traits["time"] == "local":
        flags["zone"] = "Europe/Berlin"
    small = all(at.day <= 12 for at in times)
    if small and traits["time"] in ("american", "american short"):
        flags["time_format"] = "month-first"
    if small and traits["time"] == "british":
        flags["time_format"] = "day-first"
    if traits["time"] == "none" and traits["order"] == "descending":
        flags["newest_first"] = True
    if traits["order"] == "descending" and traits["time"] in _DAYS and len({at.date() for at in times}) == 1:
        flags["newest_first"] = True
    return flags


def write(file: HistoryFile, folder: Path, name: str) -> Path:
    """Write the file with the usual file extension."""
    traits, rows = file.traits, file.rows
    match traits["format"]:
        case "xlsx":
            return _write_workbook(folder / f"{name}.xlsx", rows)
        case "parquet":
            path = folder / f"{name}.parquet"
            parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)
            return path
        case "csv":
            text, suffix = _csv(file), ".csv"
        case "jsonl":
            text, suffix = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), ".jsonl"
        case other:
            text, suffix = _document(other, rows), ".json"
    content = text.encode(traits["encoding"], "replace")
    packing = traits["packing"]
    if packing:
        content = gzip.compress(content, 1) if packing == "gz" else zstandard.compress(content)
    path = folder / f"{name}{suffix}{'.' if packing else ''}{packing}"
    path.write_bytes(content)
    return path


def _csv(file: HistoryFile) -> str:
    traits, rows, out = file.traits, file.rows, io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=traits["delimiter"], quoting=csv.QUOTE_ALL if traits["quoted"] else csv.QUOTE_MINIMAL
    )
    if traits["declared"]:
        out.write(f"sep={traits['delimiter']}\r\n")
    elif traits["preamble"]:
        out.write("Export of the evaluation\r\n")
    writer.writerow(["" if name == "index" else name for name in rows[0]])
    writer.writerows([list(row.values()) for row in rows])
    if traits["total"]:
        writer.writerow(["Total", *[""] * (len(rows[0]) - 2), 17])
    return out.getvalue()


def _document(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(rows[0])
    if kind == "columns":
        found: Any = {name: {str(at): row[name] for at, row in enumerate(rows)} for name in names}
    elif kind == "index":
        found = {str(at): row for at, row in enumerate(rows)}
    elif kind == "split":
        found = {"columns": names, "index": list(range(len(rows))), "data": [list(row.values()) for row in rows]}
    else:
        return json.dumps(rows, ensure_ascii=False, indent=2 if kind == "pretty" else None)
    return json.dumps(found, ensure_ascii=False)


def _write_workbook(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Results")
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    book.save(path)
    return path
