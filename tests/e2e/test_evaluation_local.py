"""An edit is evaluated by the app's own worker before a person decides, through the bus and every service."""

from pathlib import Path
from typing import Any

import httpx

from ratchet import AskedCase, Ratchet, ServedPrompt
from ratchet.prompt import from_text
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.golden_set import GoldenSet
from tests.support.evaluation import golden_set
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.full_loop import Site
from tests.support.in_process import in_process_system

TARGET, NAME = "shop-bot", "answer"
BASE, CANDIDATE = from_text("Answer {{question}}"), from_text("Answer {{question}}, and say the price")


def answer(prompt: ServedPrompt, case: AskedCase) -> str:
    """Answer rightly if the prompt says so."""
    return f"yes: {case.input}" if "price" in prompt.text(question=str(case.input)) else "no"


def propose(site: Site, base: str | None, document: dict[str, Any]) -> dict[str, Any]:
    body = {"target": TARGET, "name": NAME, "base_digest": base, "document": document, "why": "because"}
    proposed = site.post("/v1/proposals", body, site.maker_key)
    assert proposed.is_success, proposed.text
    found: dict[str, Any] = proposed.json()
    return found


def approve(site: Site, proposal: dict[str, Any]) -> dict[str, Any]:
    decision = {"verdict": "approved", "reason": "good", "digest": proposal["digest"]}
    decided = site.post(f"/v1/proposals/{proposal['id']}/decisions", decision)
    assert decided.is_success, decided.text
    found: dict[str, Any] = decided.json()["proposal"]
    return found


def publish(site: Site, golden_set: GoldenSet) -> None:
    """Add cases, accept and publish them, as the maker."""
    dataset = f"/v1/datasets/{NAME}"
    headers = {"authorization": f"Bearer {site.maker_key}"}
    body = {"target": TARGET}  # sent again while the evaluator does not know the key yet
    eventually_sync(lambda: httpx.put(site.url + dataset, json=body, headers=headers, timeout=PATIENCE_S).is_success)
    for path, sent in (
        ("cases", {"cases": [case.to_json() for case in golden_set.cases]}),
        ("reviews", {"state": "accepted", "cases": [case.id for case in golden_set.cases]}),
        ("versions", {}),
    ):
        response = site.post(f"{dataset}/{path}", sent, site.maker_key)
        assert response.is_success, response.text


def test_an_edit_is_evaluated_by_the_apps_worker(tmp_path: Path) -> None:
    with in_process_system(tmp_path / "data") as system:
        site = system.site
        approve(site, propose(site, None, BASE.to_dict()))
        proposal = propose(site, BASE.digest, CANDIDATE.to_dict())
        path = f"/v1/evaluations?proposal_id={proposal['id']}"
        eventually_sync(lambda: [run["state"] for run in site.items(path)] == ["waiting for a dataset"])
        publish(site, golden_set(30))
        eventually_sync(lambda: [run["state"] for run in site.items(path)] == ["waiting for a worker"])
        eventually_sync(lambda: site.get(f"/v1/proposals/{proposal['id']}")["evaluation_rule"] == "required")
        early = {"verdict": "approved", "reason": "", "digest": proposal["digest"]}
        assert not site.post(f"/v1/proposals/{proposal['id']}/decisions", early).is_success
        issued = site.post("/v1/keys", {"subject": "worker", "scopes": ["evaluate"]}, site.admin_key)
        with Ratchet(site.url, issued.json()["key"], public_key=site.public_key) as app:
            worker = app.worker(answer)
            worker.start()
            shown = eventually_sync(lambda: site.get(f"/v1/proposals/{proposal['id']}")["evaluation"])
            worker.stop()
        (run,) = site.items(path)
        report = site.get(f"/v1/evaluations/{run['id']}/report")
        assert (shown["verdict"], shown["cases"], shown["difference"]) == ("pass", 8, 1.0)
        assert run["report_digest"] == shown["report_digest"] == digest_of(canonical_bytes(report["content"]))
        page = httpx.get(
            f"{site.url}/v1/evaluations/{run['id']}/report?format=html",
            headers={"authorization": f"Bearer {site.reviewer_key}"},
            timeout=PATIENCE_S,
        )
        assert run["report_digest"] in page.text
        decided = approve(site, proposal)
        assert decided["decision"]["evaluation_digest"] == run["report_digest"]
