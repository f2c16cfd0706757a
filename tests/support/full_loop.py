"""The full loop: feedback, regression, proposal, approval, promotion; then the SDK serves the new text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from ratchet import Ratchet, ServedPrompt
from ratchet.prompt import Prompt, from_text, parse
from tests.support.eventually import PATIENCE_S, eventually_sync

TARGET, NAME = "support-bot", "answer"
GOOD_TEXT = "You are a support bot.\nCite the page that your answer rests on.\nAnswer in two sentences."
BAD_TEXT = "You are a support bot.\nAnswer in two sentences.\nBe warm."
FIXED_TEXT = "You are a support bot.\nCite the page that your answer rests on.\nAnswer in two sentences.\nBe warm."


@dataclass(frozen=True)
class Site:
    """A running Ratchet as seen by its users: one URL, three keys."""

    url: str
    ingest_key: str
    maker_key: str
    reviewer_key: str
    public_key: str
    admin_key: str = ""

    def client(self, **options: Any) -> Ratchet:
        return Ratchet(self.url, self.ingest_key, public_key=self.public_key, **options)

    def get(self, path: str) -> Any:
        """Return the JSON response to the reviewer."""
        answer = httpx.get(self.url + path, headers=self._bearer(self.reviewer_key), timeout=PATIENCE_S)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: object, key: str | None = None) -> httpx.Response:
        """Send a request with `key`, by default the reviewer's."""
        return httpx.post(
            self.url + path, json=body, headers=self._bearer(key or self.reviewer_key), timeout=PATIENCE_S
        )

    def http(self, key: str) -> httpx.Client:
        """Return a client of the API with this key, to be closed."""
        return httpx.Client(base_url=self.url, headers=self._bearer(key), timeout=PATIENCE_S)

    def items(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path)["items"]
        return found

    def _bearer(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}


StartSite = Callable[..., Site]


def rate(app: Ratchet, prompt: ServedPrompt, count: int, up: Callable[[int], bool], tag: str) -> None:
    """Record `count` executions with this prompt, each with a thumb."""
    for number in range(count):
        run = app.record(prompts=[prompt], id=f"{tag}-{number}", input=f"question {number}", output="answer")
        app.feedback(run, kind="thumb", value=up(number), user=f"user-{number}")
    assert app.flush(120)


def one_regression(site: Site) -> dict[str, Any]:
    """Wait for the open regression and return it."""

    def found() -> dict[str, Any] | None:
        regressions = site.items(f"/v1/regressions?state=open&target={TARGET}")
        return regressions[0] if regressions else None

    return eventually_sync(found, within=120) or {}


def one_proposal(site: Site) -> dict[str, Any]:
    """Wait for the open proposal of a fix and return it."""

    def found() -> dict[str, Any] | None:
        proposals = [item for item in site.items("/v1/proposals?state=open") if item["kind"] in {"restore", "rollback"}]
        return proposals[0] if proposals else None

    return eventually_sync(found, within=120) or {}


def degrade(site: Site) -> None:
    """Run an app with a good prompt, then with a worse one that gets fewer thumbs up."""
    with site.client() as app:
        rate(app, app.prompt(NAME, GOOD_TEXT, target=TARGET), 300, lambda number: number % 10 != 0, "good")
        rate(app, app.prompt(NAME, BAD_TEXT, target=TARGET), 400, lambda number: number % 10 < 5, "bad")


def go_round(site: Site) -> None:
    """Run the full loop; each step waits for a result that users can see."""
    degrade(site)
    regression = one_regression(site)
    assert regression["delta_pp"] < -20
    assert min(regression["baseline"]["n"], regression["current"]["n"]) >= 100
    with site.client() as app:
        assert app.prompt(NAME, BAD_TEXT, target=TARGET).prompt == text(BAD_TEXT), "nothing changes without a person"
        proposal = one_proposal(site)
        assert proposal["base_digest"] == text(BAD_TEXT).digest
        assert parse(proposal["document"]) == text(FIXED_TEXT)
        (added,) = [line for line in proposal["diff"].splitlines() if line.startswith("+") and line[1:2] != "+"]
        assert "Cite the page" in added, "the smallest diff restores one line"
        decided = site.post(
            f"/v1/proposals/{proposal['id']}/decisions",
            {"verdict": "approved", "reason": "it cites again", "digest": proposal["digest"]},
        )
        assert decided.status_code == 200, decided.text
        eventually_sync(lambda: app.prompt(NAME, BAD_TEXT, target=TARGET).live)
        served = app.prompt(NAME, BAD_TEXT, target=TARGET)
        assert served.prompt == text(FIXED_TEXT)
        rate(app, served, 800, lambda number: number % 10 != 0, "fixed")
        eventually_sync(lambda: not site.items(f"/v1/regressions?state=open&target={TARGET}"), within=120)
    assert site.get("/v1/audit/verify")["ok"] is True


def text(content: str) -> Prompt:
    return from_text(content)
