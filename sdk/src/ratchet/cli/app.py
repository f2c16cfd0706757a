"""The commands of `ratchet`, and its exit codes."""

from importlib.metadata import version
from typing import Annotated

import typer

from ratchet.cli import (
    annotation,
    decisions,
    erasures,
    estimates,
    evaluation_rules,
    executions,
    imports,
    instances,
    keys,
    metrics,
    operations,
    queries,
    replay,
    rollouts,
    sign_in,
)
from ratchet.cli.plugins import Commands

app = typer.Typer(
    name="ratchet",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="""Watch what people think of an LLM app's answers, and decide about the fixes.

    RATCHET_URL and RATCHET_KEY name the server and the API key; without them, .ratchet/credentials.json of the working
    directory is used.

    Commands that change something ask for confirmation on a terminal; elsewhere they need --yes. The exceptions are
    halt (it must never wait), import, replay, and sign-in for oneself.

    Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the server can't be reached or is unavailable (429, 5xx); 4 the key
    is unknown or lacks a scope (401, 403); 5 not finished within the given time; 6 undecided: not confirmed, so nothing
    was sent, or an evaluation is inconclusive; 7 not found (404, 410); 8 refused because of the state of the server
    (409); 9 the request is invalid (400, 413, 415, 422).""",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ratchet {version('ratchet-sdk')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Read the options before a command."""


for command in (
    replay.replay,
    sign_in.sign_in,
    queries.regressions,
    queries.explain,
    queries.proposals,
    decisions.approve,
    decisions.reject,
    decisions.rollback,
    decisions.archive,
    decisions.halt,
    decisions.resume,
    queries.prompts,
    queries.candidates,
    estimates.estimate,
    executions.executions,
    erasures.erase,
    erasures.erasure,
    operations.republish,
    operations.dead_letters,
    operations.resume_consumer,
):
    app.command()(command)
app.command("import")(imports.import_file)
app.command("instances")(instances.list_instances)
app.add_typer(annotation.annotation, name="annotation")
app.add_typer(decisions.grants, name="grants")
app.add_typer(evaluation_rules.evaluation_rules, name="evaluation-rules")
app.add_typer(keys.keys, name="keys")
app.add_typer(metrics.metrics, name="metrics")
app.add_typer(rollouts.rollouts, name="rollouts")
app.add_typer(operations.audit, name="audit")
