"""The progress of an import: rows and their rate; an earlier run's rows count for the length of the bar only."""

from io import StringIO

from rich.console import Console
from rich.progress import Progress

from ratchet.cli.import_progress import ImportProgress, RowRate


def test_only_the_rows_of_this_run_have_a_rate() -> None:
    now = [0.0]
    bar = Progress(RowRate(), console=Console(file=StringIO()), get_time=lambda: now[0], disable=True)
    progress = ImportProgress(bar, 1000)
    (task,) = bar.tasks
    now[0] = 1.0
    progress.advance(500)
    progress.add_rows(0)
    assert (task.completed, RowRate().render(task).plain) == (500, "0 rows")
    for now[0], position in ((2.0, 600), (4.0, 800)):
        progress.advance(position)
        progress.add_rows(2000)
    assert (task.completed, RowRate().render(task).plain) == (800, "4,000 rows, 1,333 rows/s")
