"""From a Langfuse server to a report: read, chosen, folded, and mended."""

import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

from ratchet.tables import BadFile
from ratchet_backtest.langfuse.assembly import TraceAssembler
from ratchet_backtest.langfuse.config import load_config
from ratchet_backtest.langfuse.download import gather, read_limits, read_prompt, speaks
from ratchet_backtest.langfuse.fix_suggestion import suggest_fixes, versions_to_compare
from ratchet_backtest.langfuse.http import Pause, Server, connect
from ratchet_backtest.langfuse.metric_selection import select_metrics
from ratchet_backtest.langfuse.trace_table import TraceTable
from ratchet_backtest.report import Report
from ratchet_backtest.runner import Bar, DatasetContext, Options, measured
from ratchet_backtest.text_store import TextStore


def prepare_run(days: int, question: Options, bar: Bar) -> Report:
    """The last `days` of the server and project that the environment names. Raises NoAccess, Trouble, BadFile."""
    who = load_config(os.environ)
    with connect(who) as client:
        return answer(days, question, Server(who.url, client, waiting(bar, time.sleep)), bar, datetime.now(UTC))


def answer(days: int, question: Options, server: Server, bar: Bar, now: datetime) -> Report:
    """Reads, folds, simulates; nothing is told before all of it is done. Raises Trouble, BadFile."""
    with ExitStack() as stack:
        texts = stack.enter_context(closing(TextStore())) if question.given.input else None
        gathered, speech = TraceAssembler(texts), speaks(server)
        limits = read_limits(server)
        gather(server, speech, now - timedelta(days=days), now, gathered, bar)
        table = TraceTable(gathered.rows(), gathered.columns, texts)
        if not table.size:
            raise BadFile(f"{server.url} has no traces of the last {days} days that these keys can read")
        choice = select_metrics(table, question, limits)
        left = tuple(f"{n:,} left out: {reason}" for reason, n in gathered.left_out.items() if n)
        known = DatasetContext(table.uses(), table.execution, (*choice.notes, *left))
        name = f"Langfuse at {server.url}"
        report = measured(name, table, choice.columns, choice.scales, question, bar, known)
    return suggest_fixes(
        report, {version: read_prompt(server, version) for version in sorted(versions_to_compare(report))}
    )


def waiting(bar: Bar, sleep: Callable[[float], None]) -> Pause:
    """Waits a second at a time, so that the bar shows how long it still takes."""

    def pause(seconds: float, why: str) -> None:
        advance = bar(f"waiting: {why}", math.ceil(seconds))
        for second in range(math.ceil(seconds)):
            sleep(min(1.0, seconds - second))
            advance(second + 1)

    return pause
