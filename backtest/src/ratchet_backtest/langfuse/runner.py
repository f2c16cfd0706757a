"""Run a backtest on a Langfuse project: download, select, replay, suggest fixes."""

import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

from ratchet.tables import BadFile
from ratchet_backtest.langfuse.assembly import TraceAssembler
from ratchet_backtest.langfuse.download import download_traces, read_limits
from ratchet_backtest.langfuse.fix_suggestion import suggest_fixes, versions_to_compare
from ratchet_backtest.langfuse.metric_selection import select_metrics
from ratchet_backtest.langfuse.trace_table import TraceTable
from ratchet_backtest.report import Report
from ratchet_backtest.runner import BacktestOptions, DatasetContext, ProgressBar, analyse_rows
from ratchet_backtest.text_store import TextStore
from ratchet_langfuse.config import load_config
from ratchet_langfuse.http import Server, Wait, connect
from ratchet_langfuse.pages import detect_api, read_prompt


def run_langfuse_backtest(days: int, options: BacktestOptions, bar: ProgressBar) -> Report:
    """Run on the last `days` of the project in the environment. Raises MissingConfig, LangfuseError, BadFile."""
    config = load_config(os.environ, "--langfuse")
    with connect(config) as client:
        return run(
            days, options, Server(config.url, client, wait_with_progress(bar, time.sleep)), bar, datetime.now(UTC)
        )


def run(days: int, options: BacktestOptions, server: Server, bar: ProgressBar, now: datetime) -> Report:
    """Run on the last `days` before `now`. Raises LangfuseError, BadFile."""
    with ExitStack() as stack:
        texts = stack.enter_context(closing(TextStore())) if options.given.input else None
        assembler, api = TraceAssembler(texts), detect_api(server)
        limits = read_limits(server)
        download_traces(server, api, now - timedelta(days=days), now, assembler, bar)
        table = TraceTable(assembler.rows(), assembler.columns, texts)
        if not table.size:
            raise BadFile(f"{server.url} has no traces in the last {days} days that these keys can read")
        selection = select_metrics(table, options, limits)
        left = tuple(f"{n:,} left out: {reason}" for reason, n in assembler.left_out.items() if n)
        known = DatasetContext(table.uses(), table.execution, (*selection.notes, *left))
        name = f"Langfuse at {server.url}"
        report = analyse_rows(name, table, selection.columns, selection.scales, options, bar, known)
    return suggest_fixes(
        report, {version: read_prompt(server, *version) for version in sorted(versions_to_compare(report))}
    )


def wait_with_progress(bar: ProgressBar, sleep: Callable[[float], None]) -> Wait:
    """Return a function that waits in steps of a second and shows the rest on the bar."""

    def pause(seconds: float, why: str) -> None:
        advance = bar(f"waiting: {why}", math.ceil(seconds))
        for second in range(math.ceil(seconds)):
            sleep(min(1.0, seconds - second))
            advance(second + 1)

    return pause
