"""`ratchet replay`: files of what people said, sent as if it happened now."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from ratchet.cli.output import AsJson, Exit, as_json, console, fail, line
from ratchet.cli.queries import show_regressions
from ratchet.cli.session import Session, credentials, new_client, session
from ratchet.cli.sources import ReplayStep, Source, parts, steps
from ratchet.client.options import Options
from ratchet.client.queue import Counters
from ratchet.client.sender import Sender
from ratchet.tables import BadFile, read_records

_CHUNK = 200
_PATIENCE = 60.0
_POLL = 0.2


def replay(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON, CSV, .xlsx or Parquet; packed or not.")
    ],
    source: Annotated[Source, typer.Option("--as", help="What the file holds.")],
    order: Annotated[str, typer.Option(help="frank: systems in turn, such as bart,bus or bart:0-125=first,…")] = "",
    target: Annotated[str, typer.Option(help="The target to report about; the source's name by default.")] = "",
    rate: Annotated[float | None, typer.Option(min=0.1, help="At most so many rows a second.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is analysed; print the regressions.")] = False,
    timeout: Annotated[float, typer.Option(help="Wait at most so many seconds for the analysis.")] = 300,
    json: AsJson = False,
) -> None:
    """Send a file's executions and feedback. Sent again, it counts nothing twice.

    The file is read as `ratchet backtest` reads it; one row that cannot be read ends it before anything is sent.
    """
    place = target or source
    try:
        found = [row for _, row in read_records(file)]
        planned = steps(source, found, place, parts(order) if order else (), datetime.now(UTC))
    except (BadFile, OSError, ValueError) as error:
        fail(str(error), Exit.USAGE)
    with session("ingest") as server:
        _check_scope(server)  # a wrong address or key shows here, not after a minute of trying
        before = _State.now(server, place) if wait else None
        result = _send_all(planned, rate)
        raised = None if before is None else _raised(server, place, before, result, timeout)
    _tell({"rows": len(planned), **result.told()}, raised, json)


def _tell(report: dict[str, Any], raised: list[dict[str, Any]] | None, json: bool) -> None:
    if json:
        as_json(report if raised is None else {**report, "regressions": raised})
    else:
        line("{rows} rows: {executions} executions and {feedback} feedback new, "
             "{duplicates} known before, {refused} refused".format_map(report))  # fmt: skip
        if raised is not None:
            show_regressions({"items": raised}, False)
    if report["refused"]:
        fail(f"{report['refused']} items were refused")


@dataclass(frozen=True, slots=True)
class _Sent:
    """What became of the executions and of the opinions about them."""

    ran: Counters
    opinions: Counters

    def told(self) -> dict[str, int]:
        return {
            "executions": self.ran.sent - self.ran.duplicates,
            "feedback": self.opinions.sent - self.opinions.duplicates,
            "duplicates": self.ran.duplicates + self.opinions.duplicates,
            "refused": self.ran.refused + self.opinions.refused,
        }


@dataclass(frozen=True, slots=True)
class _State:
    """What the analyzer has taken in so far: how many values, and which regressions."""

    values: int
    regressions: tuple[str, ...]

    @classmethod
    def now(cls, server: Session, target: str) -> "_State":
        quality = server.get("/v1/quality", target=target, limit=1000)
        measured = sum(int(item["measurement"]["n"]) for item in quality["items"])
        ids = tuple(str(item["regression_id"]) for item in _regressions(server, target))
        return cls(measured + sum(quality.get("uncounted", {}).values()), ids)


def _send_all(planned: Sequence[ReplayStep], rate: float | None) -> _Sent:
    """Sends a chunk's executions, then its feedback: each waits until the server has answered for it."""
    chunk = _CHUNK if rate is None else max(1, min(_CHUNK, int(rate / 10)))
    with _sender() as runs, _sender() as opinions, _progress() as bar:
        task = bar.add_task("sending", total=len(planned))
        began = time.monotonic()
        for start in range(0, len(planned), chunk):
            some = planned[start : start + chunk]
            for sender, items in (
                (runs, [item for step in some for item in step.executions]),
                (opinions, [item for step in some for item in step.feedback]),
            ):
                for item in items:
                    sender.offer(item)
                if not sender.flush(_PATIENCE):
                    fail(f"the server accepts nothing: {sender.trouble}", _exit_code(sender.trouble))
            bar.advance(task, len(some))
            if rate is not None:
                time.sleep(max(0.0, began + (start + len(some)) / rate - time.monotonic()))
        return _Sent(runs.counters, opinions.counters)


def _check_scope(server: Session) -> None:
    if "ingest" not in server.get("/v1/session").get("scopes", ()):
        fail("this key lacks the scope ingest", Exit.NOT_AUTHORISED)


def _exit_code(trouble: str | None) -> Exit:
    refused = (trouble or "").endswith((" 401", " 403"))
    return Exit.NOT_AUTHORISED if refused else Exit.UNREACHABLE


@contextmanager
def _sender() -> Iterator[Sender]:
    who = credentials("ingest")
    sender = Sender(Options(who.url, who.key), lambda: new_client(who))
    try:
        yield sender
    finally:
        sender.close(timeout=0.0)


def _progress() -> Progress:
    shown = console(stderr=True)
    return Progress(console=shown, transient=True, disable=not shown.is_terminal)


def _raised(server: Session, target: str, before: _State, sent: _Sent, timeout: float) -> list[dict[str, Any]]:
    """The regressions raised since, once the analyzer has taken all new opinions and rests."""
    deadline, new = time.monotonic() + timeout, sent.told()["feedback"]
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
            time.sleep(_POLL)


def _regressions(server: Session, target: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.get("/v1/regressions", target=target, limit=1000)["items"]
    return items
