"""The demo beside the services: its process, and a thread that tells the terminal what happens."""

import os
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.status import Status
from rich.text import Text

from ratchet.sanitize import visible
from ratchet_demo.script import GOOD_WHILE, RATE, TARGET, edit_is_due
from ratchet_local.data_dir import DataDir, shown
from ratchet_local.process import end, start
from ratchet_local.progress import Pages, ProgressReporter

_LOOK_EVERY_S = 0.5
_WIDTH = 79


class Demo:
    """Begun when the services answer; ended before they are."""

    def __init__(self, home: DataDir, *, healthy: bool = False, seed: int = 1) -> None:
        self._home, self._healthy, self._seed = home, healthy, seed
        self._process: psutil.Process | None = None
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, credentials: dict[str, str], you: str) -> None:
        """Starts the bot, and tells `you`, whose the reviewer key is, of it on stdout."""
        due = not self._healthy and edit_is_due(self._prompt)
        words = ["--folder", str(self._home.folder / "demo"), "--seed", str(self._seed)]
        command = [sys.executable, "-m", "ratchet_demo.main", *words, *(["--healthy"] if self._healthy else [])]
        env = {**os.environ, "RATCHET_URL": credentials["url"], "RATCHET_KEY": credentials["ingest_key"]}
        self._process = start(command, self._home.log("demo"), env)
        self._thread = threading.Thread(target=self._tell, args=(credentials, you, due), name="demo", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ends both."""
        self._ending.set()
        if self._process is not None:
            end(self._process)
        if self._thread is not None:
            self._thread.join()

    @property
    def _prompt(self) -> Path:
        return self._home.folder / "demo" / "answer.json"

    def _tell(self, credentials: dict[str, str], you: str, due: bool) -> None:
        console, teller = Console(highlight=False), ProgressReporter(credentials["url"], you)
        headers = {"authorization": f"Bearer {credentials['maker_key']}"}
        with httpx.Client(base_url=credentials["url"], headers=headers, timeout=5.0) as client:
            what_follows = following(shown(self._prompt), self._healthy, due, told_before(client))
            console.print(Text(introduction(what_follows)), soft_wrap=True)
            if not console.is_terminal:
                self._watch(client, teller, console, lambda text: None)
                return
            with console.status("") as status:
                self._watch(client, teller, console, _shown_by(status))

    def _watch(
        self, client: httpx.Client, teller: ProgressReporter, console: Console, status: Callable[[str], None]
    ) -> None:
        while not self._ending.wait(_LOOK_EVERY_S):
            try:
                pages = _pages(client)
            except httpx.HTTPError:
                continue
            for line in teller.news(pages):
                console.print(Text(visible(line)), soft_wrap=True)
            status(teller.status(pages))


def introduction(what_follows: str) -> str:
    """What is made up here and what is not, in lines that any terminal has room for."""
    simulated = "The bot and its customers are simulated, a day in two minutes; everything else is real."
    text = f"{simulated} {what_follows} (make run DEMO=0: without them)"
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def following(prompt: Path, healthy: bool, due: bool, live: bool) -> str:
    """What to wait for. `prompt` is the bot's own file, whose edit is `due`; `live` where Ratchet serves another."""
    if live:
        again = f"remove {prompt.parents[1]} to see the story again."
        return f"What was approved before is live, so edits of {prompt} have no effect; {again}"
    if healthy:
        return f"Nobody edits the bot's prompt ({prompt}) for the worse: nothing is to be raised."
    if due:
        wait = f"In about {GOOD_WHILE / RATE:.0f} s"
        return f"{wait} somebody edits the bot's prompt ({prompt}): watch the console."
    return f"Somebody edited the bot's prompt ({prompt}) before: watch the console."


def told_before(client: httpx.Client) -> bool:
    """Whether the bot's prompt is Ratchet's to serve by now; False where nobody answers."""
    try:
        return client.get("/v1/prompts/answer").status_code == 200
    except httpx.HTTPError:
        return False


def _shown_by(status: Status) -> Callable[[str], None]:
    return lambda text: status.update(Text(visible(text)))


def _pages(client: httpx.Client) -> Pages:
    """Raises HTTPError."""

    def items(path: str, **params: str) -> list[dict[str, object]]:
        answer = client.get(path, params={"limit": "50", **params})
        answer.raise_for_status()
        found: list[dict[str, object]] = answer.json()["items"]
        return found

    return Pages(
        items("/v1/regressions"),
        items("/v1/proposals", brief="true"),
        items("/v1/quality", target=TARGET, limit="1000"),  # a page ends within a metric
    )
