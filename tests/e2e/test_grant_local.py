"""A grant: liked answers become examples within a second, visibly, and can be revoked."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ratchet import Ratchet, ServedPrompt
from ratchet.prompt import parse
from tests.support import fork_server
from tests.support.eventually import eventually_sync
from tests.support.full_loop import Site
from tests.support.local import LocalRunner
from tests.support.migrated_data import make_migrated

NAME, TARGET, SLOT = "reply", "mail-bot", "examples"
DOCUMENT: dict[str, Any] = {
    "schema": "ratchet.prompt/1",
    "messages": [
        {"role": "system", "content": "Reply to the mail."},
        {"slot": SLOT},
        {"role": "user", "content": "{{mail}}"},
    ],
    "variables": {"mail": {"type": "string"}},
    "slots": {SLOT: {"max": 5}},
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    runner = LocalRunner(make_migrated(tmp_path / "data"), start_process=fork_server.start)
    runner.start()
    yield Site(**runner.credentials)
    runner.stop_all()


def first_version(site: Site) -> None:
    """Promote the first version: the maker proposes it, the reviewer approves it."""
    digest = parse(DOCUMENT).digest
    body = {"name": NAME, "target": TARGET, "base_digest": None, "document": DOCUMENT, "why": "the first one"}
    proposed = site.post("/v1/proposals", body, site.maker_key)
    assert proposed.is_success, proposed.text
    decision = {"verdict": "approved", "reason": "good", "digest": digest}
    own = site.post(f"/v1/proposals/{proposed.json()['id']}/decisions", decision, site.maker_key)
    assert own.status_code == 403, "an author cannot approve their own proposal"
    decided = site.post(f"/v1/proposals/{proposed.json()['id']}/decisions", decision)
    assert decided.is_success, decided.text


def give_grant(site: Site, count: int) -> str:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"name": NAME, "slot": SLOT, "count": count, "per_hour": 100, "expires_at": expires}
    given = site.post("/v1/grants", body)
    assert given.is_success, given.text
    return str(given.json()["id"])


def like(app: Ratchet, prompt: ServedPrompt, number: int) -> None:
    run = app.record(
        prompts=[prompt], input=f"mail {number}", output=f"reply {number}", user=f"user-{number}",
        consent={"learning": True},
    )  # fmt: skip
    app.feedback(run, kind="rating", value=5, consent={"learning": True})
    assert app.flush(60)


def shown(app: Ratchet) -> str:
    return app.prompt(NAME).text(mail="hello")


def test_liked_answers_become_examples_until_the_grant_is_revoked(site: Site) -> None:
    first_version(site)
    with site.client() as app:
        eventually_sync(lambda: app.prompt(NAME, "Reply: {{mail}}").live)
        like(app, app.prompt(NAME), 1)
        eventually_sync(lambda: site.items("/v1/proposals?state=open"))
        assert "mail 1" not in shown(app), "candidates wait without a grant"
        grant = give_grant(site, count=3)
        began = time.monotonic()
        like(app, app.prompt(NAME), 2)
        eventually_sync(lambda: "mail 2" in shown(app))
        print(f"feedback to live under a grant: {time.monotonic() - began:.3f} s")
        promoted = [entry for entry in site.items("/v1/audit") if grant in str(entry)]
        assert promoted, "it is recorded in the audit"
        revoked = site.post(f"/v1/grants/{grant}/revoke", {"reason": "enough"})
        assert revoked.is_success, revoked.text
        eventually_sync(lambda: "mail" not in shown(app).replace("the mail", ""))
    assert site.get("/v1/audit/verify")["ok"] is True
