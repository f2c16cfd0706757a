"""Response time and size of the console's pages, with 1,000 regressions and 200 proposals.

`python -m benchmarks.console [--rounds 15]`: on a local system with all services. The server's time is that of a whole
page over HTTP, with everything it asks; first contentful paint is Chromium's own figure, with an empty cache; weight is
what a browser without a cache fetches, compressed. The limits are 200 ms, 300 ms and 150 KB.
"""

import argparse
import gzip
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from ratchet_local.backing_services import BackingServices
from ratchet_local.data_dir import DataDir
from tests.support.browser import Visitor
from tests.support.databases import psql
from tests.support.full_loop import Site
from tests.support.hostile_site import REPLY, fill
from tests.support.local import LocalRunner
from tests.support.requirements import chromium

LIMIT_MS, LIMIT_PAINT_MS, LIMIT_KB = 200.0, 300.0, 150.0
_HEADINGS = ("median ms", "p95 ms", "of limit", "paint ms", "of limit", "KB", "of limit")
_MANY = (
    """INSERT INTO analyzer.regressions (id, dimension_id, project, environment, target, metric, state, revision,
                                         opened_at, detected, good, terms, memory)
       SELECT gen_random_uuid(), gen_random_uuid(), project, environment, target, metric, state, revision,
              opened_at - make_interval(mins => n), detected, good, terms, memory
       FROM (SELECT * FROM analyzer.regressions LIMIT 1) one, generate_series(1, 1000) n""",
    """INSERT INTO gatekeeper.proposals (id, project, environment, target, name, kind, base_digest, digest, author,
                                         author_kind, content, state, revision, opened_at)
       SELECT gen_random_uuid(), project, environment, target, name, kind, base_digest, digest, author, author_kind,
              content, 'open', revision, opened_at - make_interval(mins => n)
       FROM (SELECT * FROM gatekeeper.proposals WHERE kind = 'restore' LIMIT 1) one, generate_series(1, 200) n""",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    add_rows_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-") as folder:
        runner = LocalRunner(Path(folder) / "data")
        try:
            runner.start()
            site = Site(**runner.credentials)
            fill(site, runner)
            for statement in _MANY:
                psql(BackingServices.in_folder(DataDir(runner.folder)).postgres.dsn(), statement)
            write_rows(options.rows, measure(site, options.rounds))
        finally:
            runner.stop_all()


def measure(site: Site, rounds: int) -> list[Row]:
    """Print a line for each page; return rows of the slowest and heaviest."""
    found: list[tuple[float, float, float]] = []
    regression, proposal = (site.items(f"/v1/{kind}")[-1]["id"] for kind in ("regressions", "proposals"))
    pages = ["/", "/regressions", f"/regressions/{regression}", "/proposals", f"/proposals/{proposal}", "/prompts"]
    pages += [f"/prompts/{REPLY}", "/few-shots", "/topics", "/audit", "/people"]
    with sync_playwright() as playwright, httpx.Client(base_url=site.url) as client:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        signed_in = Visitor(site, browser.new_page()).sign_in()
        client.cookies.update({each["name"]: each["value"] for each in signed_in.page.context.cookies()})
        print(f"{'page':<24}" + "".join(f"{word:>10}" for word in _HEADINGS))
        for path in pages:
            times = sorted(_seconds(client, path) * 1000 for _ in range(rounds))
            late, paint, weight = (
                times[int(0.95 * (rounds - 1))],
                statistics.median(_paints(signed_in, path)),
                _kilobytes(signed_in, path),
            )
            print(
                f"{path[:22]:<24}{statistics.median(times):>10.0f}{late:>10.0f}{late / LIMIT_MS:>10.2f}"
                f"{paint:>10.0f}{paint / LIMIT_PAINT_MS:>10.2f}{weight:>10.0f}{weight / LIMIT_KB:>10.2f}",
                flush=True,
            )
            found.append((late, paint, weight))
        browser.close()
    late, paint, weight = (max(column) for column in zip(*found, strict=True))
    return [
        Row("console: slowest page, server, p95", "ms", late, "low", limit=LIMIT_MS),
        Row("console: slowest page, first contentful paint", "ms", paint, "low", limit=LIMIT_PAINT_MS),
        Row("console: heaviest page, compressed", "KB", weight, "low", limit=LIMIT_KB),
    ]


def _seconds(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path).raise_for_status()
    return time.perf_counter() - began


def _paints(visitor: Visitor, path: str) -> list[float]:
    session = visitor.page.context.new_cdp_session(visitor.page)
    found: list[float] = []
    for _ in range(5):
        session.send("Network.clearBrowserCache")
        visitor.open(path)
        visitor.page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        found.append(visitor.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    return found


def _kilobytes(visitor: Visitor, path: str) -> float:
    addresses: list[str] = visitor.page.evaluate("performance.getEntriesByType('resource').map((it) => it.name)")
    asked = [visitor.site.url + path, *(address for address in addresses if not address.endswith("/events"))]
    return sum(len(gzip.compress(visitor.page.request.get(address).body(), 6)) for address in asked) / 1000


if __name__ == "__main__":
    exit_on_sigterm()
    main()
