"""Erasure of a user from the analyzer: rare words and labels go, values stay, late events are dropped."""

from uuid import UUID, uuid4

from shared.events import Envelope, Event
from shared.events.erasure import ErasureRequested
from shared.events.feedback import FeedbackCreated
from tests.support.analysis import Analyzer
from tests.support.erasure import tables_with
from tests.support.messaging import NOW
from tests.support.quality import facts, feedback

COUNTS = "SELECT CAST(CAST(state AS jsonb) -> 2 ->> 0 AS int) AS n FROM analyzer.streams"
RARE, COMMON = "zanzibarverse", "delivery"


def request(subject: str) -> Envelope[ErasureRequested]:
    event = ErasureRequested(
        project="acme", environment="production", erasure_id=UUID(int=7), subject=subject, by="ada", key_id="k",
        requested_at=NOW,
    )  # fmt: skip
    return Envelope(uuid4(), NOW, "test", event, "correlation")


def sent(*events: Event) -> list[Envelope[Event]]:
    return [Envelope(uuid4(), NOW, "test", event, "correlation") for event in events]


def bad(number: int, user: str, words: str) -> FeedbackCreated:
    return feedback(number, value=0.0, user=user, execution=facts(number, user=user, input=words))


async def filled(analyzer: Analyzer) -> None:
    """Bad answers: a word that ten users wrote, and one of a single user; and a label that one user gave."""
    good = [feedback(number, user=f"u{number}") for number in range(400, 600)]
    common = [bad(number, f"u{number % 10}", f"the {COMMON} was late") for number in range(150)]
    rare = [bad(number, "u-erased", f"the {RARE} was late") for number in range(200, 290)]
    label = feedback(700, kind="label", value=None, label=RARE, user="u-erased")
    await analyzer.deliver(sent(*good[:100], *common, *rare, *good[100:], label))


async def hits(analyzer: Analyzer, word: str) -> dict[str, int]:
    dsn = analyzer.engine.url.render_as_string(hide_password=False).replace("+asyncpg", "")
    return await tables_with(dsn, word)


async def test_words_and_labels_of_few_users_go_and_values_stay(analyzer: Analyzer) -> None:
    await filled(analyzer)
    assert (await hits(analyzer, RARE)).keys() == {"analyzer.dimension_histories", "analyzer.uncounted"}
    assert (await hits(analyzer, COMMON)).keys() == {"analyzer.dimension_histories"}
    before = await analyzer.rows(COUNTS)
    await analyzer.erase(request("u-erased"))
    assert await hits(analyzer, RARE) == {}
    assert (await hits(analyzer, COMMON)).keys() == {"analyzer.dimension_histories"}
    assert await analyzer.rows(COUNTS) == before
    (report,) = await analyzer.emitted("erasure.completed")
    assert (report.service, report.erased["labels"]) == ("analyzer", 1)
    assert report.erased["words"] > 0


async def test_late_event_of_the_user_is_not_counted(analyzer: Analyzer) -> None:
    await filled(analyzer)
    await analyzer.erase(request("u-erased"))
    before = await analyzer.rows(COUNTS)
    await analyzer.deliver(sent(*(bad(number, "u-erased", RARE) for number in range(1000, 1100))))
    assert await analyzer.rows(COUNTS) == before
    assert await hits(analyzer, RARE) == {}
    await analyzer.deliver(sent(feedback(2000, user="u1")))
    assert [row.n for row in await analyzer.rows(COUNTS)] == [row.n + 1 for row in before]


async def test_state_in_memory_is_read_again_after_the_words_were_removed(analyzer: Analyzer) -> None:
    await filled(analyzer)
    await analyzer.erase(request("u-erased"))
    await analyzer.deliver(sent(*(feedback(number, user=f"u{number}") for number in range(3000, 3060))))
    assert await hits(analyzer, RARE) == {}, "an instance that had the words in memory does not write them back"
