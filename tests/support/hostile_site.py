"""A site with all kinds of data, much of it malicious text."""

from typing import Any

from ratchet import Ratchet
from ratchet.prompt import parse
from ratchet_local.backing_services import BackingServices
from ratchet_local.data_dir import DataDir
from tests.support.databases import psql
from tests.support.eventually import eventually_sync
from tests.support.full_loop import Site, degrade
from tests.support.local import LocalRunner

HOSTILE = '<script>window.hit=1</script><img src=x onerror="window.hit=1">\x1b[31m\u202e{{evil}}'
REPLY, MAIL_BOT, SLOT = "reply", "mail-bot", "examples"


def reply(words: str) -> dict[str, Any]:
    """Return the canonical document of a prompt with a slot."""
    return parse(
        {
            "schema": "ratchet.prompt/1",
            "messages": [
                {"role": "system", "content": words},
                {"slot": SLOT},
                {"role": "user", "content": "{{mail}}"},
            ],
            "variables": {"mail": {"type": "string"}},
            "slots": {SLOT: {"max": 5}},
        }
    ).to_dict()


def propose(site: Site, document: dict[str, Any], base: str | None, name: str = REPLY) -> dict[str, Any]:
    """Open a proposal with the maker's key."""
    body = {"name": name, "target": MAIL_BOT, "base_digest": base, "document": document, "why": "it reads better"}
    made = site.post("/v1/proposals", body, site.maker_key)
    assert made.status_code == 201, made.text
    return dict(made.json())


def promote(site: Site, document: dict[str, Any], base: str | None = None, name: str = REPLY) -> str:
    """Propose with the maker's key and approve with the reviewer's. Return the live digest."""
    proposal = propose(site, document, base, name)
    decision = {"verdict": "approved", "reason": "good", "digest": proposal["digest"]}
    decided = site.post(f"/v1/proposals/{proposal['id']}/decisions", decision)
    assert decided.is_success, decided.text
    return str(proposal["digest"])


def like(site: Site, count: int = 3) -> None:
    """Send positive feedback with consent about hostile answers, and wait for the example proposal."""
    with site.client() as app:
        prompt = eventually_sync(lambda: _live(app))
        for number in range(count):
            run = app.record(
                prompts=[prompt],
                target=MAIL_BOT,
                input=f"mail {number} {HOSTILE}",
                output=f"answer {number} {HOSTILE}",
                user=f"user-{number}",
                consent={"learning": True},
            )
            app.feedback(run, kind="rating", value=5, consent={"learning": True})
        assert app.flush(30)
    eventually_sync(lambda: few_shots(site))


def few_shots(site: Site) -> list[dict[str, Any]]:
    """Return the open proposals of example sets."""
    return [item for item in site.items("/v1/proposals?state=open") if item["kind"] == "few_shot"]


def park(runner: LocalRunner, count: int = 1) -> None:
    """Insert dead letters of the analyzer: events that it has processed, so a replay changes nothing."""
    dsn = BackingServices.in_folder(DataDir(runner.folder)).postgres.dsn()
    psql(
        dsn,
        f"""INSERT INTO analyzer.dead_letters (id, consumer, topic, partition, "offset", key, headers, payload, reason,
                                               detail, project, environment)
            SELECT gen_random_uuid(), 'analyzer.quality', topic, 0, id, convert_to(key, 'UTF8'),
                   jsonb_build_array(
                     jsonb_build_array('ce_id', event_id),
                     jsonb_build_array('ce_type', 'ratchet.execution.recorded.v1'),
                     jsonb_build_array('ce_source', 'ratchet/collector'), jsonb_build_array('ce_time', created_at)),
                   payload,
                   'unexpected', 'ValueError', convert_from(payload, 'UTF8')::json ->> 'project',
                   convert_from(payload, 'UTF8')::json ->> 'environment'
            FROM collector.outbox_messages WHERE topic = 'execution.recorded' ORDER BY id, n LIMIT {count}""",
    )


def trace(site: Site) -> None:
    """Send a trace with hostile text in all fields that may have it, and wait until it is in the execution log."""
    shared = {"target": MAIL_BOT, "trace_id": "hostile/trace", "model": "model-a", "cost": 0.002, "latency_ms": 1240}
    root = {
        "id": "hostile/root", "input": f"Where is my parcel? {HOSTILE}", "output": HOSTILE, "contexts": [HOSTILE] * 2,
        "tools": ["<script>window.hit=1</script>"], "parameters": {"<img src=x>": HOSTILE}, "user": "user-1",
        "session": "<script>window.hit=1</script>", "attributes": {"route": HOSTILE}, "scores": {"helpful": 0.5},
        "usage": {"input_tokens": 812, "output_tokens": 64},
    }  # fmt: skip
    child = {"id": "hostile/child", "parent_id": "hostile/root", "latency_ms": 300, "outcome": "error"}
    posted = [site.post("/v1/executions", {**shared, **fields}, site.ingest_key) for fields in (root, child)]
    for kind, value in (("thumb", False), ("comment", HOSTILE), ("label", "impolite")):
        opinion = {"execution_id": "hostile/root", "kind": kind, "value": value, "user": "user-1"}
        posted.append(site.post("/v1/feedback", opinion, site.ingest_key))
    assert [each.status_code for each in posted] == [200] * 5
    logged = "/v1/executions?trace_id=hostile/trace"
    eventually_sync(lambda: sorted(len(it["feedback"]) for it in site.items(logged)) == [0, 3])


def fill(site: Site, runner: LocalRunner) -> None:
    """Create a regression with its fix, a managed prompt with a history, examples, an open edit and dead letters."""
    first = promote(site, reply("Reply to the mail."))
    second = promote(site, reply("Reply to the mail, briefly."), first)
    propose(site, reply(f"Reply to the mail, warmly. {HOSTILE.replace('{{evil}}', '')}"), second)
    like(site)
    degrade(site)
    eventually_sync(lambda: site.items("/v1/regressions"), within=120)
    eventually_sync(lambda: [it for it in site.items("/v1/proposals") if it["kind"] == "restore"])
    trace(site)
    park(runner, 2)


def _live(app: Ratchet) -> Any:
    prompt = app.prompt(REPLY, "Reply: {{mail}}")
    return prompt if prompt.live else None
