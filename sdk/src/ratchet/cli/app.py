"""All commands of `ratchet`, and what its exit codes mean."""

import typer

from ratchet.cli import decisions as deciding
from ratchet.cli import metrics
from ratchet.cli import operations as operating
from ratchet.cli import queries as reading
from ratchet.cli import replay as replaying
from ratchet.cli import sign_in as signing_in
from ratchet.cli.plugins import Commands

app = typer.Typer(
    name="ratchet",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="""Watch what people think of an LLM app's answers, and decide about the fixes.

    RATCHET_URL and RATCHET_KEY say where and who; without them .ratchet/credentials.json of the working directory.

    Commands that change something ask on a terminal, and send nothing without a y; elsewhere they need --yes. The
    exceptions are halt (stopping must never wait), replay, and sign-in for oneself.

    Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the server can't be reached or can't answer now (429, 5xx); 4 the key
    is unknown or may not do this (401, 403); 5 not finished within the time given; 6 not confirmed, nothing was sent;
    7 there is no such thing (404, 410); 8 refused, because of what is so on the server (409); 9 the request is not
    valid (400, 413, 415, 422).""",
)

for command in (
    replaying.replay,
    signing_in.sign_in,
    reading.regressions,
    reading.explain,
    reading.proposals,
    deciding.approve,
    deciding.reject,
    deciding.rollback,
    deciding.archive,
    deciding.halt,
    deciding.resume,
    reading.prompts,
    reading.candidates,
    operating.republish,
    operating.dead_letters,
    operating.resume_consumer,
):
    app.command()(command)
app.add_typer(deciding.grants, name="grants")
app.add_typer(metrics.metrics, name="metrics")
app.add_typer(operating.audit, name="audit")
