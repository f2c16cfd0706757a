"""`ratchet annotation`: queues of answers that people judge; they do so in the console."""

import json as jsonlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ratchet.cli.annotation_tasks import find_executions, send_tasks, task_of
from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, Exit, as_json, fail, line, table
from ratchet.cli.session import session

annotation = typer.Typer(
    no_args_is_help=True, help="Queues of answers that people judge in the console: create, add, list, show, export."
)
QueueName = Annotated[
    str, typer.Argument(metavar="NAME", help="The queue's name on the server: letters, digits and ._- only.")
]


@annotation.command("create")
def create_queue(
    name: QueueName,
    rubric: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A JSON file with the list of questions.")
    ],
    target: Annotated[str, typer.Option(help="The app or route whose answers people judge; fixed once chosen.")],
    annotators: Annotated[int | None, typer.Option(min=1, max=9, help="People for each answer; 1 by default.")] = None,
    reservation_minutes: Annotated[
        int | None, typer.Option(min=1, max=240, help="How long an answer is reserved for a person; 10 by default.")
    ] = None,
    instructions: Annotated[str | None, typer.Option(help="Shown above each answer.")] = None,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Create an annotation queue, or change one on which no work has begun.

    The rubric is a list of questions: `{"name", "kind", "title"}` with the kind thumb, label, score, comment or
    better_answer; see docs/annotation.md.
    """
    questions = _read_rubric(rubric)
    confirm(f"Create or change the annotation queue {name} for {target}?", yes)
    about = {
        "target": target,
        "rubric": questions,
        "annotators": annotators,
        "reservation_minutes": reservation_minutes,
        "instructions": instructions,
    }
    with session("maker") as server:
        found = server.put(_path(name), {field: value for field, value in about.items() if value is not None})
    if json:
        as_json(found)
    else:
        line(f"{name}: {len(questions)} questions, {found['annotators']} annotators for each answer of {target}")


@annotation.command("add")
def add_executions(
    name: QueueName,
    execution: Annotated[
        list[str] | None, typer.Option("--execution", metavar="ID", help="This execution. Repeatable.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Occurred then or later: a time with its offset.")] = None,
    until: Annotated[str | None, typer.Option(help="Occurred before.")] = None,
    outcome: Annotated[str | None, typer.Option(help="ok, error, refused or timeout.")] = None,
    feedback: Annotated[str | None, typer.Option(help="Only with feedback of this kind, any, or none.")] = None,
    metric: Annotated[str | None, typer.Option(help="Only with a value of this metric, such as score.<name>.")] = None,
    low: Annotated[float | None, typer.Option("--min", help="Smallest value of the metric.")] = None,
    high: Annotated[float | None, typer.Option("--max", help="Largest value of the metric.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Executions at most, the newest ones.")] = 100,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Add executions to an annotation queue: those with these ids, or the newest of its target that match.

    Input, output and contexts are copied. Executions whose output is not stored, or whose user refused this use, are
    left out; those that the queue has already stay as they are.
    """
    filters: dict[str, object] = {
        "since": since, "until": until, "outcome": outcome, "feedback": feedback, "metric": metric, "min": low,
        "max": high,
    }  # fmt: skip
    if execution and any(value is not None for value in filters.values()):
        fail("--execution cannot be combined with a filter", Exit.USAGE)
    with session("maker") as server:
        found = find_executions(server, server.get(_path(name))["target"], execution or [], filters, limit)
        tasks = [task for each in found if (task := task_of(each)) is not None]
        if not tasks:
            fail("no execution matches, has an output, and may be used for this", Exit.NOT_FOUND)
        confirm(f"Add {len(tasks)} of {len(found)} executions to {name}?", yes)
        counts = send_tasks(server, _path(name), tasks)
    if json:
        as_json({"queue": name, **counts, "left_out": len(found) - len(tasks)})
    else:
        line(f"{name}: {counts['added']} added, {counts['repeated']} were there, {len(found) - len(tasks)} left out")


@annotation.command("list")
def list_queues(json: AsJson = False) -> None:
    """List the annotation queues with their progress."""
    with session("maker") as server:
        found = server.get("/v1/annotation-queues", limit=100)
    if json:
        as_json(found)
        return
    rows = [
        (it["name"], it["target"], it["tasks"]["open"], it["tasks"]["disagreement"], it["tasks"]["agreed"],
         it["tasks"]["adjudicated"])
        for it in found["items"]
    ]  # fmt: skip
    table(("queue", "target", "open", "to decide", "agreed", "decided"), rows)
    if found["next"]:
        line("more results exist: use --json with the API's cursor", err=True)


@annotation.command("show")
def show_results(name: QueueName, json: AsJson = False) -> None:
    """Show how well the annotators of a queue agree, and how each differs from the consensus."""
    with session("maker") as server:
        found = server.get(f"{_path(name)}/results")
    if json:
        as_json(found)
        return
    tasks = found["tasks"]
    states = (("open", "open"), ("agreed", "agreed"), ("disagreement", "to decide"), ("adjudicated", "decided"))
    line(", ".join(f"{tasks[state]} {word}" for state, word in states))
    table(
        ("question", "Cohen's kappa", "Fleiss' kappa", "Krippendorff's alpha"),
        [
            (it["question"], _figure(it["cohen_kappa"]), _figure(it["fleiss_kappa"]), _figure(it["krippendorff_alpha"]))
            for it in found["agreement"]
        ],
    )
    table(
        ("annotator", "question", "share agreeing", "mean difference"),
        [
            (it["annotator"], it["question"], _figure(it["share_agreeing"]), _figure(it["mean_difference"]))
            for it in found["annotators"]
        ],
    )


@annotation.command("export")
def export_annotations(
    name: QueueName, file: Annotated[Path, typer.Argument(dir_okay=False, help="A file for JSON lines.")]
) -> None:
    """Write all answers that have all their annotations, with names and outcome. Needs a reviewer's key."""
    partial = file.with_name(f"{file.name}.partial")
    with session("reviewer") as server:
        try:
            with partial.open("wb") as opened:
                for chunk in server.stream(f"{_path(name)}/export"):
                    opened.write(chunk)
            partial.replace(file)
        except OSError as error:
            fail(f"{file} can't be written: {error.strerror}")
        finally:
            partial.unlink(missing_ok=True)
    line(f"annotations of {name} in {file}")


def _path(name: str) -> str:
    return f"/v1/annotation-queues/{quote(name, safe='')}"


def _read_rubric(file: Path) -> list[Any]:
    try:
        found = jsonlib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail(f"{file} is not valid JSON: {error}", Exit.USAGE)
    if not isinstance(found, list):
        fail(f"{file} must be a list of questions", Exit.USAGE)
    return found


def _figure(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return "-" if found is None else f"- (n={found['n']})"
    interval = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
    return f"{found['value']:.2f}{interval} (n={found['n']})"
