"""The table of `make bench` as Markdown with aligned columns (pure)."""

from collections.abc import Iterable, Sequence

from benchmarks.rows import Row

_HEADINGS = ("work", "ours", "peer", "limit", "ratio", "CPU process", "CPU PostgreSQL", "kept")
_UNITS = ((1.0, "s"), (1e-3, "ms"), (0.0, "µs"))
_FACTORS = {"s": 1.0, "ms": 1e3, "µs": 1e6}


def render_table(rows: Iterable[Row]) -> str:
    """Return the table; one line per row, in the order given."""
    lines = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    ruler = ["-" * width for width in widths]
    return "\n".join(_line(cells, widths) for cells in (lines[0], ruler, *lines[1:]))


def format_number(value: float) -> str:
    """Return at least three significant digits, with separators of thousands."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def format_seconds(seconds: float | None, item: str) -> str:
    """Return processor time per item in s, ms or µs; a dash if not measured."""
    if seconds is None:
        return "–"
    unit = next(unit for least, unit in _UNITS if seconds >= least)
    return f"{format_number(seconds * _FACTORS[unit])} {unit}" + (f"/{item}" if item else "")


def _cells(row: Row) -> tuple[str, ...]:
    peer = "–" if row.peer is None else f"{format_number(row.peer)} ({row.peer_name})"
    kept = "–" if row.met is None else "yes" if row.met else "no"
    return (
        row.work,
        f"{format_number(row.ours)} {row.unit}",
        peer,
        _limit(row),
        "–" if row.ratio is None else f"{row.ratio:.2f}",
        format_seconds(row.process_s, row.item),
        format_seconds(row.postgres_s, row.item),
        kept,
    )


def _limit(row: Row) -> str:
    sign = "≥" if row.best == "high" else "≤"
    limits = [f"{sign} {format_number(row.limit)}"] if row.limit is not None else []
    if row.ratio_limit is not None:
        limits.append(f"ratio {sign} {row.ratio_limit:g}")
    return ", ".join(limits) or "–"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))} |"
