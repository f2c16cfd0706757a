"""Commands for operators: the audit log, republishing events, dead letters."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, Exit, as_json, console, fail, line, show
from ratchet.cli.session import get, post

SERVICES = ("collector", "analyzer", "proposer", "evaluator", "gatekeeper")
_LONG = 600.0

Services = Annotated[list[str] | None, typer.Option("--service", help="Only this service; may be repeated.")]

audit = typer.Typer(no_args_is_help=True, help="The hash-chained log of all decisions.")


@audit.command()
def verify(
    seq: Annotated[int | None, typer.Option(help="The number of an entry that you noted …")] = None,
    head: Annotated[str | None, typer.Option(help="… and its hash: detects a log that was truncated since.")] = None,
    json: AsJson = False,
) -> None:
    """Check that no entry was changed, removed or truncated. Exit code 1 if one was."""
    answer = get("maker", "/v1/audit/verify", seq=seq, head=head)
    if json:
        as_json(answer)
    else:
        line(f"{answer['entries']} entries, head {answer['head']}")
    if not answer["ok"]:
        fail("the audit log is broken: " + "; ".join(map(str, answer["problems"])))


@audit.command("list")
def list_entries(
    cursor: Annotated[str | None, typer.Option(help="The `next` of the previous page (see --json).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    json: AsJson = False,
) -> None:
    """List the entries in order."""
    columns = {"seq": "seq", "kind": "kind", "by": "by", "at": "at", "reason": "reason", "hash": "hash"}
    show(get("maker", "/v1/audit", cursor=cursor, limit=limit), json, columns)


def republish(
    service: Services = None,
    since: Annotated[str | None, typer.Option(help="Only events from this time on, such as 2026-01-31T12:00Z.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    lacking: Annotated[bool, typer.Option("--lacking", help="Only events that some consumer lacks.")] = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Send events again from the database, for instance after Kafka lost them. Nothing is counted twice."""
    confirm(f"Send the events of {', '.join(service or SERVICES)} again?", yes)
    body = {"since": since, "topic": topic, "lacking": lacking}
    sent: dict[str, int] = {}
    for name in service or SERVICES:
        with console(stderr=True).status(f"{name}: republishing"):
            sent[name] = post("reviewer", f"/v1/ops/{name}/republish", body, timeout=_LONG).get("republished", 0)
        if not json:
            line(f"{name}: {sent[name]} events")
    if json:
        as_json({"republished": sent})


def dead_letters(
    service: Services = None,
    replay: Annotated[str | None, typer.Option(help="Process this dead letter again; needs --service.")] = None,
    discard: Annotated[str | None, typer.Option(help="Discard this dead letter; needs --service.")] = None,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """List events that could not be processed; replay or discard one."""
    if replay or discard:
        _resolve_dead_letter(service or [], "replay" if replay else "discard", replay or discard or "", yes, json)
        return
    items: list[dict[str, Any]] = []
    for name in service or SERVICES:
        items += [{"service": name, **item} for item in get("reviewer", f"/v1/ops/{name}/dead-letters")["items"]]
    columns = {
        "service": "service", "id": "id", "consumer": "consumer", "topic": "origin.topic",
        "partition": "origin.partition", "offset": "origin.offset", "reason": "reason", "detail": "detail",
        "parked": "parked_at",
    }  # fmt: skip
    show({"items": items}, json, columns)


def resume_consumer(
    consumer: Annotated[str, typer.Argument(help="Such as analyzer.measuring; `ratchet dead-letters` names it.")],
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Resume a consumer that paused after too many dead letters. Repair the cause first."""
    service = consumer.partition(".")[0]
    if service not in SERVICES:
        fail(f"CONSUMER must have the form SERVICE.NAME, SERVICE being one of {', '.join(SERVICES)}", Exit.USAGE)
    confirm(f"Resume {consumer}?", yes)
    answer = post("reviewer", f"/v1/ops/{service}/consumers/{quote(consumer, safe='')}/resume", {})
    if json:
        as_json(answer)
    else:
        line(f"{answer.get('status')}: {consumer}")


def _resolve_dead_letter(services: list[str], verb: str, letter: str, yes: bool, json: bool) -> None:
    if len(services) != 1:
        fail(f"--{verb} needs exactly one --service", Exit.USAGE)
    confirm(f"{verb.capitalize()} the dead letter {letter} of {services[0]}?", yes)
    answer = post("reviewer", f"/v1/ops/{services[0]}/dead-letters/{quote(letter, safe='')}/{verb}", {})
    if json:
        as_json(answer)
    else:
        line(f"{answer.get('status')}: {letter}")
