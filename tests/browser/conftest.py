"""A complete Ratchet as started by `make run`, and Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support import fork_server
from tests.support.browser import PATIENCE_MS, Visitor, browse
from tests.support.full_loop import Site
from tests.support.local import LocalRunner
from tests.support.migrated_data import make_migrated
from tests.support.requirements import GET_CHROMIUM, chromium, missing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Skips without Chromium. Closed at the end of the file: while it is open, no async test can run in this
    process.
    """
    path = chromium()
    if path is None:
        missing(f"no browser: {GET_CHROMIUM}")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def runner(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRunner]:
    """One runner for the tests of a file."""
    made = LocalRunner(make_migrated(tmp_path_factory.mktemp("console") / "data"), start_process=fork_server.start)
    made.start()
    yield made
    made.stop_all()


@pytest.fixture(scope="module")
def site(runner: LocalRunner) -> Site:
    return Site(**runner.credentials)


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visitor]:
    """A browser page of a person who is not signed in."""
    with browse(browser, site) as made:
        yield made


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    return visitor.sign_in()
