"""Runs the demo: its process, and a thread that reports progress on the terminal."""

import os
import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.status import Status
from rich.text import Text

from ratchet.sanitize import visible
from ratchet_demo.script import ANSWERS_BEFORE_EDIT, RATE, TARGET, edit_is_due
from ratchet_local.data_dir import DataDir, display_path
from ratchet_local.demo_dataset import DatasetPublisher, DemoDataset
from ratchet_local.demo_rollouts import RolloutStory
from ratchet_local.process import end, start
from ratchet_local.progress import ApiSnapshot, ProgressReporter

_POLL_S = 0.5
_WIDTH = 79
ROLLOUTS = (
    "A harmful edit of the bot's prompt is approved for 5 % of the answers, and rolled back by itself after some "
    "minutes; then a good one reaches all: watch the page of the prompt in the console."
)


class DemoRunner:
    """The demo's process and its progress report; started after the services, stopped before them."""

    def __init__(self, home: DataDir, *, healthy: bool = False, canary: bool = False, seed: int = 1) -> None:
        """`healthy`: nobody edits the bot's prompt. `canary`: edits are approved, and rolled out gradually."""
        self._home, self._healthy, self._seed = home, healthy or canary, seed
        self._canary = canary
        self._process: psutil.Process | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, credentials: dict[str, str], you: str) -> None:
        """Start the bot, and report its progress on stdout to the reviewer `you`."""
        due = not self._healthy and edit_is_due(self._prompt)
        options = ["--folder", str(self._home.folder / "demo"), "--seed", str(self._seed)]
        command = [sys.executable, "-m", "ratchet_demo.main", *options, *(["--healthy"] if self._healthy else [])]
        env = {**os.environ, "RATCHET_URL": credentials["url"], "RATCHET_KEY": credentials["ingest_key"]}
        self._process = start(command, self._home.log("demo"), env)
        self._thread = threading.Thread(target=self._report, args=(credentials, you, due), name="demo", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the process and the report."""
        self._stopped.set()
        if self._process is not None:
            end(self._process)
        if self._thread is not None:
            self._thread.join()

    @property
    def _prompt(self) -> Path:
        return self._home.folder / "demo" / "answer.json"

    def _report(self, credentials: dict[str, str], you: str, due: bool) -> None:
        console, reporter = Console(highlight=False), ProgressReporter(credentials["url"], you)
        headers = {"authorization": f"Bearer {credentials['maker_key']}"}
        with httpx.Client(base_url=credentials["url"], headers=headers, timeout=5.0) as client:
            hint = expectation(display_path(self._prompt), self._healthy, due, is_prompt_managed(client))
            hint = ROLLOUTS if self._canary else hint
            console.print(Text(introduction(hint)), soft_wrap=True)
            with self._second_client(credentials) as reviewer:
                acts = self._acts(client, reviewer)
                if not console.is_terminal:
                    self._watch(client, reporter, console, lambda text: None, acts)
                    return
                with console.status("") as status:
                    self._watch(client, reporter, console, _status_updater(status), acts)

    def _second_client(self, credentials: dict[str, str]) -> httpx.Client:
        headers = {"authorization": f"Bearer {credentials['reviewer_key']}"}
        return httpx.Client(base_url=credentials["url"], headers=headers, timeout=5.0)

    def _acts(self, maker: httpx.Client, reviewer: httpx.Client) -> Callable[[], list[str]]:
        """Return what the demo's people do at each look; the lines that it returns are printed."""
        if self._canary:  # without a golden set: an evaluation would find the harmful edit before anybody is served
            return RolloutStory(maker, reviewer).advance
        publisher = DatasetPublisher(DemoDataset.packaged())
        return lambda: [*filter(None, [publisher.attempt(maker)])]

    def _watch(
        self,
        client: httpx.Client,
        reporter: ProgressReporter,
        console: Console,
        status: Callable[[str], None],
        acts: Callable[[], list[str]],
    ) -> None:
        while not self._stopped.wait(_POLL_S):
            lines: list[str] = []
            try:
                lines += acts()
                snapshot = _snapshot(client)
                lines += reporter.changes(replace(snapshot, quality=()) if self._canary else snapshot)
                status(reporter.status(snapshot))
            except httpx.HTTPError:
                pass  # it is tried again
            for line in lines:
                console.print(Text(visible(line)), soft_wrap=True)


def introduction(hint: str) -> str:
    """Return what is simulated and what to expect, in lines of at most 79 characters."""
    simulated = "The bot and its customers are simulated, a day in two minutes; everything else is real."
    text = f"{simulated} {hint} (make run DEMO=0: without them)"
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def expectation(prompt: Path, healthy: bool, due: bool, live: bool) -> str:
    """Return what to expect.

    `due`: the edit of the bot's file `prompt` is to come; `live`: Ratchet serves the prompt already.
    """
    if live:
        again = f"remove {prompt.parents[1]} to see the story again."
        return f"An approved version is live, so edits of {prompt} have no effect; {again}"
    if healthy:
        return f"Nobody edits the bot's prompt ({prompt}) for the worse: expect no regression."
    if due:
        wait = f"In about {ANSWERS_BEFORE_EDIT / RATE:.0f} s"
        return f"{wait} somebody edits the bot's prompt ({prompt}): watch the console."
    return f"Somebody edited the bot's prompt ({prompt}) before: watch the console."


def is_prompt_managed(client: httpx.Client) -> bool:
    """Return whether Ratchet serves the bot's prompt already; False if it does not respond."""
    try:
        return client.get("/v1/prompts/answer").status_code == 200
    except httpx.HTTPError:
        return False


def _status_updater(status: Status) -> Callable[[str], None]:
    return lambda text: status.update(Text(visible(text)))


def _snapshot(client: httpx.Client) -> ApiSnapshot:
    """Read what the report needs. Raises httpx.HTTPError."""

    def items(path: str, **params: str) -> list[dict[str, object]]:
        answer = client.get(path, params={"limit": "50", **params})
        answer.raise_for_status()
        found: list[dict[str, object]] = answer.json()["items"]
        return found

    return ApiSnapshot(
        items("/v1/regressions"),
        items("/v1/proposals", brief="true"),
        items("/v1/quality", target=TARGET, limit="1000"),  # a page ends within a metric
    )
