"""`ratchet-demo`: run the bot and its customers until stopped. Reads RATCHET_URL and RATCHET_KEY."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ratchet import Ratchet
from ratchet_demo.bot import PROMPT, Fleet
from ratchet_demo.golden_answers import answer
from ratchet_demo.script import RATE
from ratchet_demo.story import Story, ensure_prompt

QUIET_AFTER, QUIET = 12_000, 2.0
"""After this many answers (ten minutes; or `--quiet-after`), the rate falls to `QUIET` per second, to save CPU."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C, SIGTERM, or the end of the parent process; exit code 0."""
    parser = argparse.ArgumentParser(prog="ratchet-demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="folder of the bot's prompt file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=RATE, help="questions per second")
    parser.add_argument(
        "--quiet-after", type=int, default=QUIET_AFTER, help=f"answers after which it is {QUIET:g} questions per second"
    )
    parser.add_argument("--healthy", action="store_true", help="never edit the prompt")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    file = options.folder / "answer.json"
    ensure_prompt(file)
    fleet = Fleet(Ratchet, file)
    worker = Ratchet().worker(answer, prompts=[PROMPT])
    try:
        fleet.deploy()
        worker.start()
        _run(Story(fleet, file, options.seed, options.healthy), options.rate, options.quiet_after)
    except KeyboardInterrupt:
        pass
    finally:
        worker.stop(timeout=0.5)
        fleet.close()
    return 0


def _run(story: Story, rate: float, quiet_after: int) -> None:
    starter, due = os.getppid(), time.monotonic()
    while os.getppid() == starter:
        due += 1.0 / (rate if story.stats.answers < quiet_after else QUIET)
        time.sleep(max(0.0, due - time.monotonic()))
        story.step()
        if story.stats.answers % 200 == 0:
            print(story.stats, flush=True)


if __name__ == "__main__":
    sys.exit(main())
