"""The judges of a run of `ratchet eval`: endpoint, cache, budget, and their agreement with people."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures, measure_agreement
from ratchet_evaluation.domain.judges.definition import JudgeDefinition
from ratchet_evaluation.domain.judges.estimate import SpendEstimate, estimate_spend
from ratchet_evaluation.domain.judges.spend import SpendLedger, SpendLimit
from ratchet_evaluation.endpoints.model_client import ModelClient
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from ratchet_evaluation.judge_files import LabelledText, read_judges, read_labels
from ratchet_evaluation.judges.endpoint_variables import endpoint_from_environment
from ratchet_evaluation.judges.judge_cache import JudgeCache
from ratchet_evaluation.judges.judge_thread import JudgeThread
from ratchet_evaluation.judges.panel import JudgePanel, methods_of
from ratchet_evaluation.judges.ragas_judge import RagasJudge

RAGAS_PYTHON = "RATCHET_RAGAS_PYTHON"
DEFAULT_CACHE = Path(".ratchet") / "judge-cache"


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What the flags say about judges. Limits that are given replace those of the environment."""

    files: Sequence[Path] = ()
    labels: Path | None = None
    cache: Path | None = None
    max_tokens: int | None = None
    max_usd: float | None = None


@dataclass(frozen=True, slots=True)
class JudgeSetup:
    """Judges that are ready to be asked."""

    endpoint: ModelEndpoint
    judges: tuple[JudgeDefinition, ...]
    labels: tuple[LabelledText, ...]
    cache: JudgeCache
    ragas_python: str | None

    def estimate(self, golden_set: GoldenSet, answers: int) -> SpendEstimate:
        """Return what judging may use; `answers`: those to each case, of all prompts."""
        return estimate_spend(
            self.judges, golden_set, answers, [each.judged for each in self.labels], self.endpoint.prices
        )


def read_setup(options: JudgeOptions, environment: Mapping[str, str] = os.environ) -> JudgeSetup | None:
    """Return the judges of the flags; None if there are none. Raises JudgeFileError and EndpointError."""
    if not options.files:
        return None
    endpoint = endpoint_from_environment(environment)
    run = SpendLimit(
        endpoint.run_limit.tokens if options.max_tokens is None else options.max_tokens,
        endpoint.run_limit.usd if options.max_usd is None else options.max_usd,
    )
    endpoint = replace(endpoint, run_limit=run)
    judges = read_judges(options.files, endpoint)
    labels = read_labels(options.labels) if options.labels else ()
    return JudgeSetup(
        endpoint, judges, labels, JudgeCache(options.cache or DEFAULT_CACHE), environment.get(RAGAS_PYTHON)
    )


@contextmanager
def running_judges(setup: JudgeSetup) -> Iterator[JudgeThread]:
    """Yield the judges at work, with their agreement measured on the labels first."""
    endpoint = setup.endpoint
    today = setup.cache.get_spend(datetime.now(UTC).date())
    ledger = SpendLedger(endpoint.run_limit, endpoint.day_limit, endpoint.prices, today)
    client = ModelClient(endpoint)
    ragas = RagasJudge(client, setup.ragas_python)
    panel = JudgePanel(methods_of(client, ragas), ledger, setup.cache, lambda: datetime.now(UTC).date())
    with JudgeThread(panel, client, ragas) as thread:
        thread.judges = [_with_agreement(thread, judge, setup.labels) for judge in setup.judges]
        yield thread


def _with_agreement(thread: JudgeThread, judge: JudgeDefinition, labels: Sequence[LabelledText]) -> JudgeFigures:
    if not labels:
        return JudgeFigures(judge)
    scores = thread.score_all(judge, [each.judged for each in labels])
    known = [
        (label.people, score.value, label.cluster)
        for label, score in zip(labels, scores, strict=True)
        if score.value is not None
    ]
    pairs = [(person, value) for person, value, _ in known]
    return JudgeFigures(judge, measure_agreement(judge, pairs, [cluster for _, _, cluster in known]))
