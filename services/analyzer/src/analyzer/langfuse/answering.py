"""From a Langfuse server to a report: read, chosen, folded, and mended."""

import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

from analyzer.backtest.report import Report
from analyzer.backtest.running import Bar, Known, Question, measured
from analyzer.backtest.texts import Texts
from analyzer.langfuse.access import access
from analyzer.langfuse.choosing import choose
from analyzer.langfuse.gathering import Gathering
from analyzer.langfuse.http import Pause, Server, connect
from analyzer.langfuse.mending import mended, wanted
from analyzer.langfuse.reading import gather, read_limits, read_prompt, speaks
from analyzer.langfuse.table import Table
from ratchet.tables import BadFile


def ask(days: int, question: Question, bar: Bar) -> Report:
    """The last `days` of the server and project that the environment names. Raises NoAccess, Trouble, BadFile."""
    who = access(os.environ)
    with connect(who) as client:
        return answer(days, question, Server(who.url, client, waiting(bar, time.sleep)), bar, datetime.now(UTC))


def answer(days: int, question: Question, server: Server, bar: Bar, now: datetime) -> Report:
    """Reads, folds, simulates; nothing is told before all of it is done. Raises Trouble, BadFile."""
    with ExitStack() as stack:
        texts = stack.enter_context(closing(Texts())) if question.given.input else None
        gathered, speech = Gathering(texts), speaks(server)
        limits = read_limits(server)
        gather(server, speech, now - timedelta(days=days), now, gathered, bar)
        table = Table(gathered.rows(), gathered.columns, texts)
        if not table.size:
            raise BadFile(f"{server.url} has no traces of the last {days} days that these keys can read")
        choice = choose(table, question, limits)
        left = tuple(f"{n:,} left out: {reason}" for reason, n in gathered.left_out.items() if n)
        known = Known(table.uses(), table.execution, (*choice.notes, *left))
        name = f"Langfuse at {server.url}"
        report = measured(name, table, choice.columns, choice.scales, question, bar, known)
    return mended(report, {version: read_prompt(server, version) for version in sorted(wanted(report))})


def waiting(bar: Bar, sleep: Callable[[float], None]) -> Pause:
    """Waits a second at a time, so that the bar shows how long it still takes."""

    def pause(seconds: float, why: str) -> None:
        advance = bar(f"waiting: {why}", math.ceil(seconds))
        for second in range(math.ceil(seconds)):
            sleep(min(1.0, seconds - second))
            advance(second + 1)

    return pause
