"""A site with all kinds of data, much of it malicious text."""

from typing import Any
from urllib.parse import quote

import httpx

from ratchet import Ratchet
from ratchet.prompt import parse
from ratchet_local.backing_services import BackingServices
from ratchet_local.data_dir import DataDir
from tests.support.databases import psql
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.full_loop import Site, degrade
from tests.support.local import LocalRunner

HOSTILE = '<script>window.hit=1</script><img src=x onerror="window.hit=1">\x1b[31m\u202e{{evil}}'
_MAILS = (
    "Where is the parcel that I ordered three weeks ago? The tracking page shows nothing since Monday.",
    "Please cancel my subscription at once, and confirm in writing that no further month will be charged.",
    "Our invoice names a wrong company address; finance needs a corrected PDF before Friday noon.",
)
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


def like(site: Site) -> None:
    """Send positive feedback with consent about hostile answers to dissimilar mails, and wait for their proposal."""
    with site.client() as app:
        prompt = eventually_sync(lambda: _live(app))
        for number, mail in enumerate(_MAILS):
            run = app.record(
                prompts=[prompt],
                target=MAIL_BOT,
                input=f"{mail} {HOSTILE}",
                output=f"answer {number} {HOSTILE}",
                user=f"user-{number}",
                consent={"learning": True},
            )
            app.feedback(run, kind="rating", value=5, consent={"learning": True})
        assert app.flush(60)
    eventually_sync(lambda: [item for item in few_shots(site) if _count(site, item) == len(_MAILS)])


def _count(site: Site, proposal: dict[str, Any]) -> int:
    found = site.get(f"/v1/proposals/{proposal['id']}")
    return sum(len(each["examples"]) for each in found["example_sets"])


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
        "id": "hostile/root", "input": f"Where is my parcel? {HOSTILE}", "output": HOSTILE,
        "contexts": [HOSTILE, {"id": "<script>window.hit=1</script>", "text": HOSTILE, "score": 0.5}],
        "tools": [
            "<script>window.hit=1</script>",
            {"name": "mail", "arguments": {"to": HOSTILE}, "result": HOSTILE, "outcome": "error", "latency_ms": 9},
        ],
        "parameters": {"<img src=x>": HOSTILE}, "user": "user-1",
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
    propose_cases(site)
    annotate(site)
    add_judges(site)
    park(runner, 2)


def propose_cases(site: Site, name: str = "mail") -> None:
    """Create a dataset with five cases to review: two are nearly equal, one has a hostile id."""
    long = "How many days may a customer keep a pair of shoes before it has to be sent back to the shop"
    contains = [{"name": "contains", "values": ["30 days"]}]
    cases: list[dict[str, Any]] = [
        {"id": "returns-1", "input": f"{long}?", "expected": "30 days", "tags": ["returns"], "protected": True},
        {"id": "returns-2", "input": f"{long}!", "reference": "A customer has 30 days, from the day of delivery."},
        {"id": "returns-3", "input": "hwo logn may i keep them", "parent": "returns-1", "origin": "execution:e-17"},
        {"id": HOSTILE.split("\x1b")[0], "input": HOSTILE, "contexts": [HOSTILE], "tags": ["<b>mail</b>"]},
        {"id": "variables", "variables": {"mail": "x" * 300}, "expected": {"days": 30}},
    ]
    with site.http(site.maker_key) as maker:
        about = {"target": MAIL_BOT, "description": f"Mails of May {HOSTILE}", "licence": "CC-BY-4.0"}
        path = f"/v1/datasets/{name}"
        eventually_sync(lambda: maker.put(path, json=about).is_success)
        made = maker.post(f"{path}/cases", json={"cases": [{"evaluators": contains, **case} for case in cases]})
    assert made.json()["added"] == len(cases), made.text


def annotate(site: Site, name: str = "mail", answers: int = 14) -> None:
    """Create a queue whose answers two people annotated, but for two; they disagree about some.

    The reviewer holds one of the open ones.
    """
    labels = [{"name": "warm", "value": 1}, {"name": "<b>cold</b>", "value": 0}]
    rubric = [
        {"name": "helpful", "kind": "thumb", "title": f"Does it help? {HOSTILE}", "metric": "thumb.helpful"},
        {"name": "tone", "kind": "label", "title": "Which tone?", "labels": labels, "metric": "label.tone"},
        {"name": "right", "kind": "score", "title": "How right is it?", "metric": "score.right"},
        {"name": "share", "kind": "score", "title": "Which share is true, in %?", "low": 0, "high": 100,
         "required": False},
        {"name": "note", "kind": "comment", "title": "Anything else?", "required": False},
        {"name": "better", "kind": "better_answer", "title": "A better answer", "required": False},
    ]  # fmt: skip
    tasks = [
        {"execution_id": f"mail/{n}", "input": f"mail {n} {HOSTILE}", "output": f"answer {n} {HOSTILE}",
         "contexts": [{"id": "<i>c</i>", "text": HOSTILE}, {"text": "x" * 300}]}
        for n in range(answers)
    ]  # fmt: skip
    path = f"/v1/annotation-queues/{name}"
    body = {"target": MAIL_BOT, "rubric": rubric, "annotators": 2, "instructions": f"Judge only this. {HOSTILE}"}
    with httpx.Client(base_url=site.url, timeout=PATIENCE_S) as client:

        def send(method: str, key: str, where: str, content: object = None) -> dict[str, Any]:
            headers = {"authorization": f"Bearer {key}"}
            answered = client.request(method, f"{path}{where}", json=content, headers=headers)
            assert answered.is_success, answered.text
            return dict(answered.json())

        eventually_sync(lambda: send("PUT", site.maker_key, "", body))
        assert send("POST", site.maker_key, "/tasks", {"tasks": tasks})["added"] == answers
        for key, differs in ((site.maker_key, False), (site.reviewer_key, True)):
            for n in range(answers - 2):
                task = send("POST", key, "/next")["task"]
                ratings = {"helpful": n % 3 > 0, "tone": "warm", "right": 1 + (n + 2 * (differs and n < 2)) % 5}
                texts = (
                    {"note": HOSTILE, "better": f"{'Better' if differs else 'Best'} {HOSTILE}"} if n % 4 == 0 else {}
                )
                given = {"token": task["token"], "answers": {**ratings, **texts}}
                send("POST", key, f"/tasks/{task['id']}/annotations", given)
        assert send("POST", site.reviewer_key, "/next")["task"] is not None


def add_judges(site: Site) -> None:
    """Create two judges, one of which judges a target that has a hostile name."""
    anchors = [{"input": HOSTILE, "output": "30 days"}, {"input": "How long?", "output": HOSTILE}]
    with site.http(site.maker_key) as maker:
        judge = {"rubric": HOSTILE, "model": "judge <b>1</b>", "anchors": anchors}
        for name, body in (("helpful", judge), ("faithful", {"method": "faithfulness", "model": "judge-1"})):
            assert maker.put(f"/v1/judges/{name}", json=body).is_success
        rule = {"judge": "helpful", "rate": 0.05, "stratify_by": "language", "confidence": "sure", "daily_usd": 2}
        for target in (MAIL_BOT, "bot <b>"):
            made = maker.put(f"/v1/judging/{quote(target, safe='')}", json=rule)
            assert made.is_success, made.text


def _live(app: Ratchet) -> Any:
    prompt = app.prompt(REPLY, "Reply: {{mail}}")
    return prompt if prompt.live else None
