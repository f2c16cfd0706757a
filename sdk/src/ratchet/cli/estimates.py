"""`ratchet estimate`: what an evaluation on the server may use, before it is requested."""

from typing import Annotated, Any

import typer

from ratchet.cli.output import AsJson, as_json, line
from ratchet.cli.session import get


def estimate(
    target: Annotated[str, typer.Argument(help="The app or route that is evaluated.")],
    dataset: Annotated[str | None, typer.Option(help="Its golden set; by default the one published last.")] = None,
    judge: Annotated[str | None, typer.Option(help="A judge; by default that of the target's proposals.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, max=20, help="Answers to each case and prompt.")] = None,
    json: AsJson = False,
) -> None:
    """Estimate the answers, calls of judges, tokens and money of an evaluation. Nothing is started."""
    found = get("maker", "/v1/evaluation-estimates", target=target, dataset=dataset, judges=judge, repeats=repeats)
    if json:
        as_json(found)
        return
    line(f"{found['dataset']}: {found['cases']:,} cases, at most {found['answers']:,} answers of the app")
    line(_judges(found))


def _judges(found: dict[str, Any]) -> str:
    if not found["calls"]:
        return "no judge is asked"
    cost = "cost unknown" if found["usd"] is None else f"${found['usd']:.2f}"
    pace = "no endpoint is configured" if found["minutes"] is None else f"{found['minutes']:,.0f} minutes"
    names = ", ".join(found["judges"])
    return f"{names}: at most about {found['calls']:,} calls, {found['tokens']:,} tokens, {cost}, {pace}"
