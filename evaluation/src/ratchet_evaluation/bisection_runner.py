"""Run the probes of a bisection: comparisons on golden cases that share the answers to equal prompts."""

from collections.abc import Callable
from concurrent.futures import Future

from ratchet.prompt import Prompt
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.bisection import BisectionResult, Hunks, ProbeResult, bisect_hunks
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.prompt_hunks import PromptHunks
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult
from ratchet_evaluation.runner import Answerer, run_evaluation

Report = Callable[[ProbeResult], None]


class AnswerCache:
    """Answers of an app by prompt, case and repeat, over several runs. `asked` counts what the app was asked."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._answers: dict[tuple[str, str, int], Future[AppAnswer]] = {}
        self.asked = 0

    def submit(self, prompt: Prompt, case: GoldenCase, repeat: int) -> Future[AppAnswer]:
        """Return the known or running answer, or ask the app. A cancelled question is asked again."""
        key = (prompt.digest, case.id, repeat)
        known = self._answers.get(key)
        if known is None or known.cancelled():
            known = self._answers[key] = self._answerer.submit(prompt, case, repeat)
            self.asked += 1
        return known


def run_bisection(
    answerer: Answerer,
    golden_set: GoldenSet,
    prompts: PromptHunks,
    settings: RunSettings,
    ahead: int,
    report: Report = lambda result: None,
) -> tuple[BisectionResult, int]:
    """Return which hunks made answers worse, and how many answers the app was asked for. `report` gets each probe.

    `settings.margin` is the harm of a hunk that is still accepted. All probes take the cases in the same order, so that
    the answers with the good prompt are asked for once.
    """
    cache = AnswerCache(answerer)
    salt = (prompts.good.digest, prompts.bad.digest)

    clusters = golden_set.shuffled_clusters(*salt)

    def probe(hunks: Hunks, limit: int) -> ComparisonResult:
        cases = GoldenSet(tuple(case for cluster in clusters[:limit] for case in cluster))
        candidate = prompts.apply(hunks)
        run = run_evaluation(cache, cases, candidate, prompts.good, settings, ahead, salt=salt)
        assert run.comparison is not None
        report(ProbeResult(hunks, run.comparison))
        return run.comparison

    return bisect_hunks(len(prompts.hunks), probe, len(clusters), settings.margin), cache.asked
