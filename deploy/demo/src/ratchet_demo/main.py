"""`ratchet-demo`: the bot and its customers, until it is told to end. RATCHET_URL and RATCHET_KEY say where to."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ratchet import Ratchet
from ratchet_demo.bot import Fleet
from ratchet_demo.script import RATE
from ratchet_demo.story import Story, ensure_prompt

QUIET_AFTER, QUIET = 12_000, 2.0
"""After ten minutes, few customers are left: the visitor's machine has other work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until Ctrl-C or SIGTERM, or until its parent is gone; exit code 0."""
    parser = argparse.ArgumentParser(prog="ratchet-demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where the bot's own prompt file lies")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=RATE, help="questions a second")
    parser.add_argument("--healthy", action="store_true", help="nobody edits the prompt for the worse")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    file = options.folder / "answer.json"
    ensure_prompt(file)
    fleet = Fleet(Ratchet, file)
    try:
        fleet.deploy()
        _run(Story(fleet, file, options.seed, options.healthy), options.rate)
    except KeyboardInterrupt:
        pass
    finally:
        fleet.close()
    return 0


def _run(story: Story, rate: float) -> None:
    starter, due = os.getppid(), time.monotonic()
    while os.getppid() == starter:
        due += 1.0 / (rate if story.told.answers < QUIET_AFTER else QUIET)
        time.sleep(max(0.0, due - time.monotonic()))
        story.step()
        if story.told.answers % 200 == 0:
            print(story.told, flush=True)


if __name__ == "__main__":
    sys.exit(main())
