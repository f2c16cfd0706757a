"""The demo beside the services: its process, and a thread that tells the terminal what happens."""

import os
import sys
import threading
from collections.abc import Callable

import httpx
import psutil
from rich.console import Console
from rich.status import Status
from rich.text import Text

from ratchet.visible import visible
from ratchet_local.home import Home
from ratchet_local.process import end, start
from ratchet_local.telling import Pages, Teller

_LOOK_EVERY_S = 0.5
_INTRODUCTION = (
    "Lumen's support bot answers its customers through the SDK, as any app would: a day in two minutes.",
    "Everything else is real. Its prompt is .ratchet/demo/answer.json. (make run DEMO=0: without it)",
)

_TOLD_BEFORE = (
    "Its story was told here before: what was approved is live, so edits of that file have no effect. "
    "Remove the data's folder to see it again."
)


class Demo:
    """Begun when the services answer; ended before they are."""

    def __init__(self, home: Home, *, healthy: bool = False, seed: int = 1) -> None:
        self._home, self._healthy, self._seed = home, healthy, seed
        self._process: psutil.Process | None = None
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, credentials: dict[str, str]) -> None:
        """Starts the bot, and tells of it on stdout."""
        words = ["--folder", str(self._home.folder / "demo"), "--seed", str(self._seed)]
        command = [sys.executable, "-m", "ratchet_demo.main", *words, *(["--healthy"] if self._healthy else [])]
        env = {**os.environ, "RATCHET_URL": credentials["url"], "RATCHET_KEY": credentials["ingest_key"]}
        self._process = start(command, self._home.log("demo"), env)
        self._thread = threading.Thread(target=self._tell, args=(credentials,), name="demo", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ends both."""
        self._ending.set()
        if self._process is not None:
            end(self._process)
        if self._thread is not None:
            self._thread.join()

    def _tell(self, credentials: dict[str, str]) -> None:
        console, teller = Console(highlight=False), Teller(credentials["url"])
        for line in _INTRODUCTION:
            console.print(Text(line), soft_wrap=True)
        headers = {"authorization": f"Bearer {credentials['maker_key']}"}
        with httpx.Client(base_url=credentials["url"], headers=headers, timeout=5.0) as client:
            if told_before(client):
                console.print(Text(_TOLD_BEFORE), soft_wrap=True)
            if not console.is_terminal:
                self._watch(client, teller, console, lambda text: None)
                return
            with console.status("") as status:
                self._watch(client, teller, console, _shown_by(status))

    def _watch(self, client: httpx.Client, teller: Teller, console: Console, status: Callable[[str], None]) -> None:
        while not self._ending.wait(_LOOK_EVERY_S):
            try:
                pages = _pages(client)
            except httpx.HTTPError:
                continue
            for line in teller.news(pages):
                console.print(Text(visible(line)), soft_wrap=True)
            status(teller.status(pages))


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

    def items(path: str) -> list[dict[str, object]]:
        answer = client.get(path, params={"limit": 50})
        answer.raise_for_status()
        found: list[dict[str, object]] = answer.json()["items"]
        return found

    return Pages(items("/v1/regressions"), items("/v1/proposals"), items("/v1/quality"))
