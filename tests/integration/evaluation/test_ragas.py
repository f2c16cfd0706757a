"""Ragas for real, in its own process, against an endpoint on this machine that answers its schemas."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ratchet_evaluation.domain.judges.definition import JudgeDefinition, parse_judge
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from ratchet_evaluation.domain.judges.spend import SpendLedger, SpendLimit
from ratchet_evaluation.endpoints.model_client import ModelClient
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from ratchet_evaluation.judges.panel import JudgePanel, JudgeScore, methods_of
from ratchet_evaluation.judges.ragas_judge import RagasJudge
from tests.support import ragas
from tests.support.eventually import eventually
from tests.support.judge_server import JudgeServer, judge_server
from tests.support.judges import JUDGED, completion

pytestmark = pytest.mark.skipif(not ragas.is_installed(), reason=ragas.MISSING)
FAITHFULNESS = parse_judge({"name": "faithful", "method": "faithfulness"}, "m")
RELEVANCY = parse_judge({"name": "relevant", "method": "answer_relevancy"}, "m", "e")
PRECISION = parse_judge({"name": "precise", "method": "context_precision"}, "m")


class Session:
    """A panel with Ragas in one event loop, so that its process is started once."""

    def __init__(self, server: JudgeServer) -> None:
        self.server = server
        self.runner = asyncio.Runner()
        self.runner.run(self._open())

    async def _open(self) -> None:
        endpoint = ModelEndpoint(self.server.url, api_key="judge-key", calls_per_minute=1e6, concurrency=4, timeout_s=1)

        async def no_sleep(seconds: float) -> None: ...

        self.client = ModelClient(endpoint, sleep=no_sleep)
        self.ragas = RagasJudge(self.client, ragas.PYTHON)

    def panel(self, ledger: SpendLedger) -> JudgePanel:
        return JudgePanel(methods_of(self.client, self.ragas), ledger)

    def score(self, judge: JudgeDefinition, judged: JudgedText = JUDGED, tokens: int | None = None) -> JudgeScore:
        self.ledger = SpendLedger(SpendLimit(tokens=tokens), SpendLimit())
        return self.runner.run(self.panel(self.ledger).score(judge, judged))

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def call() -> Any:
            return await work()

        return self.runner.run(call())

    def close(self) -> None:
        self.run(self.ragas.close)
        self.run(self.client.close)
        self.runner.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Session]:
    with judge_server() as server:
        session = Session(server)
        yield session
        session.close()


@pytest.fixture
def session(shared: Session) -> Session:
    shared.server.respond = ragas.ragas_reply
    shared.server.requests.clear()
    return shared


def test_faithfulness_is_the_share_of_supported_statements(session: Session) -> None:
    assert session.score(FAITHFULNESS).value == 0.5
    paths = [path for path, _ in session.server.requests]
    assert paths == ["/v1/chat/completions"] * 2
    assert session.ledger.spend.calls == 2
    assert session.ledger.spend.tokens == 220
    for _, body in session.server.requests:
        assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0, 1024)
        assert not any(JUDGED.output in json.dumps(each) for each in body["messages"] if each["role"] == "system")
    assert session.server.authorisations == {"Bearer judge-key"}


def test_answer_relevancy_compares_questions_by_their_embeddings(session: Session) -> None:
    value = session.score(RELEVANCY).value
    assert value == pytest.approx(1.0)
    paths = [path for path, _ in session.server.requests]
    assert paths.count("/v1/chat/completions") == 3
    assert paths.count("/v1/embeddings") == 2
    assert session.ledger.spend.tokens == 3 * 110 + 2 * 5


def test_context_precision_asks_for_each_context(session: Session) -> None:
    assert session.score(PRECISION).value == pytest.approx(1.0)
    two = replace(JUDGED, contexts=("Opening hours.", "Returns: 30 days."), reference=None, output="Ask us.")
    session.server.requests.clear()
    assert session.score(PRECISION, two).value == pytest.approx(0.5)
    assert len(session.server.requests) == 2


def _no_question(body: dict[str, Any]) -> dict[str, Any]:
    return completion(json.dumps({"question": "", "noncommittal": 0}))


@pytest.mark.parametrize(
    ("judge", "respond", "reason"),
    [
        (FAITHFULNESS, lambda body: completion("no JSON at all"), "Ragas failed"),
        (FAITHFULNESS, lambda body: completion(json.dumps({"statements": []})), "NaN"),
        (FAITHFULNESS, lambda body: "<html>", "did not reply with JSON"),
        (FAITHFULNESS, lambda body: 429, "status 429, 3 times"),
        (FAITHFULNESS, lambda body: 401, "status 401"),
        (FAITHFULNESS, lambda body: 2.0, "did not reply within 1 s|can't be reached"),
        (RELEVANCY, _no_question, "NaN"),
        (PRECISION, lambda body: completion(json.dumps({"reason": "r", "verdict": 7})), "not between 0 and 1"),
    ],
    ids=["garbage", "no-statements", "no-json", "429", "401", "time-out", "no-question", "out-of-range"],
)
def test_whatever_goes_wrong_is_unknown(session: Session, judge: JudgeDefinition, respond: Any, reason: str) -> None:
    session.server.respond = respond
    score = session.score(judge)
    assert score.value is None
    assert score.reason is not None
    assert any(each in score.reason for each in reason.split("|")), score.reason


def test_what_is_missing_is_unknown_without_a_call(session: Session) -> None:
    for judge, judged in ((FAITHFULNESS, replace(JUDGED, contexts=None)), (RELEVANCY, replace(JUDGED, output=" "))):
        assert session.score(judge, judged).value is None
    assert session.server.requests == []


def test_the_budget_holds_for_ragas(session: Session) -> None:
    score = session.score(FAITHFULNESS, tokens=4_000)
    assert score == JudgeScore(None, "the budget of the run is used up: 4,000 tokens")
    assert session.ledger.spend.tokens <= 4_000
    assert len(session.server.requests) <= 1


def test_the_event_loop_is_never_blocked(session: Session) -> None:
    """Includes the start of the process, with the import of Ragas."""

    async def watch() -> tuple[float, list[JudgeScore]]:
        judge = RagasJudge(session.client, ragas.PYTHON)
        panel = JudgePanel(methods_of(session.client, judge), SpendLedger(SpendLimit(), SpendLimit()))
        texts = [replace(JUDGED, output=f"Within 30 days. {i}") for i in range(12)]
        scores = asyncio.gather(*(panel.score(FAITHFULNESS, text) for text in texts))
        worst = 0.0
        used = time.thread_time()
        while not scores.done():
            await asyncio.sleep(0.005)
            # Processor time of this thread: waiting for a busy machine does not block the loop's other work.
            now = time.thread_time()
            worst, used = max(worst, now - used), now
        await judge.close()
        return worst, await scores

    worst, scores = session.run(watch)
    assert {score.value for score in scores} == {0.5}
    assert worst < 0.1


def test_a_process_that_dies_makes_its_scores_unknown_and_is_started_again(session: Session) -> None:
    async def kill() -> JudgeScore:
        panel = session.panel(SpendLedger(SpendLimit(), SpendLimit()))
        task = asyncio.create_task(panel.score(FAITHFULNESS, replace(JUDGED, output="Other.")))
        running = session.ragas._running
        assert running is not None
        await eventually(lambda: bool(running.pending))
        running.process.kill()
        return await task

    session.server.respond = lambda body: 0.5
    assert session.run(kill).value is None
    session.server.respond = ragas.ragas_reply
    assert session.score(FAITHFULNESS).value == 0.5


def test_without_ragas_its_judges_are_unknown(session: Session) -> None:
    async def ask() -> JudgeScore:
        judge = RagasJudge(session.client)
        panel = JudgePanel(methods_of(session.client, judge), SpendLedger(SpendLimit(), SpendLimit()))
        return await panel.score(FAITHFULNESS, JUDGED)

    found = session.run(ask)
    assert found == JudgeScore(None, "Ragas can't be imported: ragas")
