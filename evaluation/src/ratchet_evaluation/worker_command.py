"""`ratchet worker`: answer the cases of a server's evaluations with the app's function, in processes."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ratchet.cli.credentials import Credentials
from ratchet.cli.output import Exit, fail, line
from ratchet.cli.session import credentials, new_async_client
from ratchet.prompt import Json
from ratchet_evaluation import command_options as flags

if TYPE_CHECKING:
    from ratchet.client.worker import EvaluationWorker
    from ratchet.client.worker.leased_tasks import CallResult, WorkerTask
    from ratchet_evaluation.worker_pool import WorkerPool

AppFunction = Annotated[str, typer.Argument(metavar="MODULE:FUNCTION", help="The app's function answer(prompt, case).")]
PromptNames = Annotated[
    list[str] | None, typer.Option("--prompts", help="Name of a prompt whose cases it answers. Repeatable; else all.")
]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Processes that run the app's function.")]


class FunctionProcesses:
    """Runs the app's function in a pool of processes; one that hangs is killed."""

    exhausted: str | None = None

    def __init__(self, pool: "WorkerPool") -> None:
        self._pool = pool

    async def run(self, task: "WorkerTask") -> "CallResult":
        request: dict[str, Json] = {
            "name": task.name,
            "prompt": task.prompt.to_dict(),
            "case": task.case.to_dict(),
            "examples": {slot: [{**example} for example in found] for slot, found in task.examples.items()},
        }
        return await asyncio.wrap_future(self._pool.submit_request(request))

    def close(self) -> None:
        """Do nothing: the pool ends with its block."""


def worker(
    function: AppFunction,
    prompts: PromptNames = None,
    concurrency: Concurrency = 4,
    timeout: flags.Timeout = 60.0,
) -> None:
    """Answer cases of a server's evaluations until SIGTERM or Ctrl-C, which let the calls that run end for 5 seconds.

    The app's function answer(prompt, case) is called for each case, in processes that are killed after the time-out;
    what it prints goes to stderr, and what it records with a client of Ratchet is not sent. Any number of workers share
    the cases. The key needs the scope evaluate. An outage of the server is waited for.

    Exit codes: 0 stopped; 2 wrong usage, also a function that can't be imported; 3 the server did not respond in
    the first 15 seconds; 4 the key is unknown or lacks the scope.
    """
    from ratchet_evaluation.worker_pool import UnusableWorker, WorkerPool

    found = credentials("ingest")
    names = _checked_names(prompts)
    try:
        with WorkerPool(function, concurrency, timeout) as pool:
            _run(_new_worker(found, pool, names, concurrency))
    except UnusableWorker as error:
        fail(str(error), Exit.USAGE)


def _checked_names(prompts: list[str] | None) -> list[str] | None:
    from ratchet.prompt import PromptError, prompt_name

    try:
        return [prompt_name(name) for name in prompts] if prompts else None
    except PromptError as error:
        fail(f"--prompts: {error}", Exit.USAGE)


def _new_worker(
    server: Credentials, pool: "WorkerPool", names: list[str] | None, concurrency: int
) -> "EvaluationWorker":
    from ratchet.client.worker import EvaluationWorker
    from ratchet.client.worker.worker_settings import WorkerSettings

    runner, settings = FunctionProcesses(pool), WorkerSettings(concurrency)
    return EvaluationWorker(lambda: new_async_client(server), runner, settings, names, _show)


def _run(found: "EvaluationWorker") -> None:
    from ratchet.cli.session import exit_code
    from ratchet.errors import ServerUnreachable, WorkerRefused

    try:
        found.run()
    except WorkerRefused as error:
        fail(str(error), exit_code(error.status))
    except ServerUnreachable as error:
        fail(f"the server can't be reached: {error}", Exit.UNREACHABLE)
    counters = found.counters
    line(f"stopped: {counters.answered:,} answered, {counters.failed:,} failed, {counters.lost:,} lost")


def _show(text: str) -> None:
    line(text, err=True)
