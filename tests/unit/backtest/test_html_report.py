"""The HTML report: self-contained, and texts from the file are never markup."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.sanitize import visible
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.html_report import render_html
from ratchet_backtest.runner import BacktestOptions, run_backtest
from ratchet_backtest.svg_chart import safe, ticks
from tests.unit.backtest.conftest import Write, shares

HOSTILE = """</title><script>alert(1)</script><img src=x onerror='alert(2)'>"&amp;\u202e\u200b]]>"""
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "code", "p", "section", "span", "figure"),
    *("svg", "desc", "rect", "line", "text", "polygon", "polyline", "g", "path"),
    *("footer", "i", "ol", "ul", "li"),
}
EMPTY = {"meta"}


class Strict(HTMLParser):
    """Parses a page like a browser, and records its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def made(write: Write, rows: list[dict[str, Any]], name: str = "past.jsonl", **given: Any) -> str:
    options = BacktestOptions(ColumnChoice(**given), better="higher")
    return render_html(run_backtest(write(rows, name), options, lambda stage, total: lambda done: None))


def test_page_shows_the_results(write: Write) -> None:
    text = made(write, shares(("a", 600, 0.9), ("b", 300, 0.5), ("a", 900, 0.9)))
    read = Strict(text)
    assert read.tags <= ALLOWED
    assert len(read.ids) == len(set(read.ids))
    everything = " ".join(read.texts)
    for expected in (
        "regressed",
        "prompt version: a → b",
        "1,800 rows from 2026-03-01 to 2026-03-02",
        "resolved at line",
    ):
        assert expected in everything
    assert 'class="opened"' in text
    assert 'class="fall"' in text


def test_page_loads_and_runs_nothing(write: Write) -> None:
    text = made(write, shares(("a", 300, 0.9)))
    assert "default-src 'none'" in text
    for word in ("http:", "https:", "//", "url(", "@import", "<script", "javascript:"):
        assert word not in text
    assert Strict(text).attributes.isdisjoint({"src", "href", "onload", "onerror", "style"})


def test_malicious_names_are_text(write: Write) -> None:
    rows = [
        {**row, "version": f"{row['version']}{HOSTILE}", "target": HOSTILE, HOSTILE: row["correct"]}
        for row in shares(("a", 300, 0.9), ("b", 300, 0.4))
    ]
    text = made(write, rows, values=(HOSTILE,), target="target")
    read = Strict(text)
    assert read.tags <= ALLOWED
    assert read.attributes.isdisjoint({"src", "onerror"})
    assert "alert(1)" in " ".join(read.texts)
    assert "\u202e" not in text
    assert "\u200b" not in text


@given(st.text(max_size=50))
def test_any_text_is_escaped_correctly(text: str) -> None:
    read = Strict(f"<p>{safe(text, 1000)}</p>")
    assert read.tags == {"p"}
    assert "".join(read.texts) == visible(text)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_an_axis_has_a_few_round_numbers(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-6 * width <= value <= low + width * (1 + 1e-6) for value in found)


def test_page_without_values(write: Write) -> None:
    read = Strict(made(write, [{"score": None, "text": "a"}, {"score": 1.0, "text": "b"}] * 2, values=("score",)))
    assert "inconclusive" in " ".join(read.texts)
    with pytest.raises(AssertionError):
        Strict("<p><b></p>")


def test_results_beyond_the_limit_are_listed(write: Write) -> None:
    text = made(write, [{"target": f"t{index % 60}", "score": 1} for index in range(60)])
    assert text.count("<svg") == 50
    assert text.count("<li>") == 10
    assert Strict(text).tags <= ALLOWED
