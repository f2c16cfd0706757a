"""Progress of an import on a terminal: the share of the file, rows, rows a second, and the time left."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TaskProgressColumn, TimeRemainingColumn
from rich.text import Text

from ratchet.cli.output import console


class RowRate(ProgressColumn):
    """Number of rows that this run has handled, and its rows a second."""

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        rows, elapsed = task.fields["rows"], task.elapsed or 0.0
        rate = f", {rows / elapsed:,.0f} rows/s" if rows and elapsed > 0.0 else ""
        return Text(f"{rows:,} rows{rate}")


class ImportProgress:
    """A bar. Rows that an earlier run has sent count for its length, and neither for the rate nor for the time left."""

    def __init__(self, bar: Progress, size: int) -> None:
        self._bar, self._position, self._rows = bar, 0, 0
        self._task: TaskID = bar.add_task("importing", total=size, rows=0)

    def advance(self, position: int) -> None:
        """Set how much of the file is read, in the unit of its size."""
        self._position = position

    def add_rows(self, count: int) -> None:
        """Show that `count` more rows are handled, besides what is read; 0: they were sent by an earlier run."""
        if not count:
            self._bar.reset(self._task)  # the time starts with the first rows of this run
        self._rows += count
        self._bar.update(self._task, completed=self._position, rows=self._rows)


@contextmanager
def import_progress(size: int) -> Iterator[ImportProgress]:
    """Show the progress in the block; nothing where the standard error is no terminal."""
    output = console(stderr=True)
    columns = ("importing", BarColumn(), TaskProgressColumn(), RowRate(), TimeRemainingColumn())
    with Progress(*columns, console=output, transient=True, disable=not output.is_terminal) as bar:
        yield ImportProgress(bar, size)
