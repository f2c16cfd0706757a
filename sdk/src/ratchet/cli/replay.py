"""`ratchet replay`: send the executions and feedback of a file as if they happened now."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from ratchet.cli.import_rows import ReplayStep, Source, parts, steps
from ratchet.cli.output import AsJson, Exit, as_json, console, fail, line
from ratchet.cli.queries import show_regressions
from ratchet.cli.session import Session, credentials, new_client, session
from ratchet.client.options import Options
from ratchet.client.queue import Counters
from ratchet.client.sender import Sender
from ratchet.tables import BadFile, read_records

_CHUNK = 200
_FLUSH_TIMEOUT_S = 60.0
_POLL_S = 0.2


def replay(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON, CSV, .xlsx or Parquet; may be compressed.")
    ],
    source: Annotated[Source, typer.Option("--as", help="What the file contains.")],
    order: Annotated[str, typer.Option(help="frank: order of systems, such as bart,bus or bart:0-125=first,…")] = "",
    target: Annotated[str, typer.Option(help="The target to report about; the source's name by default.")] = "",
    rate: Annotated[float | None, typer.Option(min=0.1, help="Maximum rows per second.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the analysis and print the regressions.")] = False,
    timeout: Annotated[float, typer.Option(help="Maximum seconds to wait for the analysis.")] = 300,
    json: AsJson = False,
) -> None:
    """Send a file's executions and feedback. Replaying it again counts nothing twice.

    The file is read as by `ratchet backtest`; nothing is sent if a row can't be read.
    """
    target = target or source
    try:
        found = [row for _, row in read_records(file)]
        planned = steps(source, found, target, parts(order) if order else (), datetime.now(UTC))
    except (BadFile, OSError, ValueError) as error:
        fail(str(error), Exit.USAGE)
    with session("ingest") as server:
        _check_scope(server)  # fail at once for a wrong URL or key
        before = _State.now(server, target) if wait else None
        result = _send_all(planned, rate)
        regressions = None if before is None else _new_regressions(server, target, before, result, timeout)
    _print_report({"rows": len(planned), **result.counts()}, regressions, json)


def _print_report(report: dict[str, Any], regressions: list[dict[str, Any]] | None, json: bool) -> None:
    if json:
        as_json(report if regressions is None else {**report, "regressions": regressions})
    else:
        line("{rows} rows: {executions} executions and {feedback} feedback new, "
             "{duplicates} known before, {refused} refused".format_map(report))  # fmt: skip
        if regressions is not None:
            show_regressions({"items": regressions}, False)
    if report["refused"]:
        fail(f"{report['refused']} items were refused")


@dataclass(frozen=True, slots=True)
class _Sent:
    """Counters of the sent executions and feedback."""

    executions: Counters
    feedback: Counters

    def counts(self) -> dict[str, int]:
        return {
            "executions": self.executions.sent - self.executions.duplicates,
            "feedback": self.feedback.sent - self.feedback.duplicates,
            "duplicates": self.executions.duplicates + self.feedback.duplicates,
            "refused": self.executions.refused + self.feedback.refused,
        }


@dataclass(frozen=True, slots=True)
class _State:
    """The state of the analyzer: the number of values, and the regressions."""

    values: int
    regressions: tuple[str, ...]

    @classmethod
    def now(cls, server: Session, target: str) -> "_State":
        quality = server.get("/v1/quality", target=target, limit=1000)
        measured = sum(int(item["measurement"]["n"]) for item in quality["items"])
        ids = tuple(str(item["regression_id"]) for item in _regressions(server, target))
        return cls(measured + sum(quality.get("uncounted", {}).values()), ids)


def _send_all(planned: Sequence[ReplayStep], rate: float | None) -> _Sent:
    """Send chunk by chunk, the executions before the feedback; wait for the server's answers to each."""
    chunk = _CHUNK if rate is None else max(1, min(_CHUNK, int(rate / 10)))
    with _sender() as runs, _sender() as opinions, _progress() as bar:
        task = bar.add_task("sending", total=len(planned))
        began = time.monotonic()
        for start in range(0, len(planned), chunk):
            rows = planned[start : start + chunk]
            for sender, items in (
                (runs, [item for step in rows for item in step.executions]),
                (opinions, [item for step in rows for item in step.feedback]),
            ):
                for item in items:
                    sender.offer(item)
                if not sender.flush(_FLUSH_TIMEOUT_S):
                    fail(
                        f"the server accepted nothing in {_FLUSH_TIMEOUT_S:g} s: {sender.last_error}",
                        _exit_code(sender.last_error),
                    )
            bar.advance(task, len(rows))
            if rate is not None:
                time.sleep(max(0.0, began + (start + len(rows)) / rate - time.monotonic()))
        return _Sent(runs.counters, opinions.counters)


def _check_scope(server: Session) -> None:
    if "ingest" not in server.get("/v1/session").get("scopes", ()):
        fail("this key lacks the scope ingest", Exit.NOT_AUTHORISED)


def _exit_code(reason: str | None) -> Exit:
    refused = (reason or "").endswith((" 401", " 403"))
    return Exit.NOT_AUTHORISED if refused else Exit.UNREACHABLE


@contextmanager
def _sender() -> Iterator[Sender]:
    found = credentials("ingest")
    sender = Sender(Options(found.url, found.key), lambda: new_client(found))
    try:
        yield sender
    finally:
        sender.close(timeout=0.0)


def _progress() -> Progress:
    output = console(stderr=True)
    return Progress(console=output, transient=True, disable=not output.is_terminal)


def _new_regressions(server: Session, target: str, before: _State, sent: _Sent, timeout: float) -> list[dict[str, Any]]:
    """Return the new regressions, once the analyzer has processed all new feedback."""
    deadline, new = time.monotonic() + timeout, sent.counts()["feedback"]
    last = -1
    with _progress() as bar:
        task = bar.add_task("analysing", total=new)
        while True:
            state = _State.now(server, target)
            bar.update(task, completed=state.values - before.values)
            if state.values - before.values >= new and state.values == last:
                return [
                    item for item in _regressions(server, target) if item["regression_id"] not in before.regressions
                ]
            if time.monotonic() > deadline:
                fail(f"analysed {state.values - before.values} of {new} values in {timeout:g} s", Exit.UNFINISHED)
            last = state.values
            time.sleep(_POLL_S)


def _regressions(server: Session, target: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.get("/v1/regressions", target=target, limit=1000)["items"]
    return items
