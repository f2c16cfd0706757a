"""All commands of `ratchet`, and what its exit codes mean."""

import typer

from ratchet.cli import deciding, operating, reading, replaying, signing_in
from ratchet.cli.plugins import Commands

app = typer.Typer(
    name="ratchet",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="""Watch what people think of an LLM app's answers, and decide about the fixes.

    RATCHET_URL and RATCHET_KEY say where and who; without them .ratchet/credentials.json of the working directory.

    Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 the server can't be reached; 4 the key may not do this;
    5 not finished within the time given.""",
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
    deciding.halt,
    deciding.resume,
    reading.prompts,
    reading.candidates,
    operating.republish,
    operating.dead_letters,
):
    app.command()(command)
app.add_typer(deciding.grants, name="grants")
app.add_typer(operating.audit, name="audit")
