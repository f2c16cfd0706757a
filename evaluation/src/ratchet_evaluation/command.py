"""`ratchet eval`. Slow imports are made when the command runs, so that `ratchet --help` is fast."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ratchet.cli.output import AsJson, Exit, as_json, console, fail
from ratchet_evaluation import command_options as flags
from ratchet_evaluation.command_inputs import read_cases, read_prompt

if TYPE_CHECKING:
    from ratchet.prompt import Prompt
    from ratchet_evaluation.domain.golden_set import GoldenSet
    from ratchet_evaluation.domain.report import EvaluationReport
    from ratchet_evaluation.domain.settings import RunSettings
    from ratchet_evaluation.golden_files import Manifest
    from ratchet_evaluation.judge_setup import JudgeSetup
    from ratchet_evaluation.judges.judge_thread import JudgeThread
    from ratchet_evaluation.runner import Advance

_EXITS = {"pass": Exit.DONE, "fail": Exit.FAILED, "inconclusive": Exit.UNDECIDED}


def evaluate(
    dataset: flags.Dataset,
    worker: flags.Worker,
    prompt: flags.PromptSource,
    baseline: flags.BaselineSource = None,
    min_pass_rate: flags.MinPassRate = None,
    goal: flags.Goal = "not-worse",
    margin: flags.Margin = 0.05,
    metric: flags.Metric = "pass",
    evaluator: flags.Evaluators = None,
    judge: flags.Judges = None,
    judge_labels: flags.JudgeLabels = None,
    judge_max_tokens: flags.JudgeMaxTokens = None,
    judge_max_usd: flags.JudgeMaxUsd = None,
    judge_cache: flags.JudgeCacheFolder = None,
    repeats: flags.Repeats = 1,
    all_cases: flags.AllCases = False,
    jobs: flags.Jobs = 4,
    timeout: flags.Timeout = 60.0,
    report: flags.ReportFile = None,
    html: flags.HtmlFile = None,
    junit: flags.JUnitFile = None,
    markdown: flags.MarkdownFile = None,
    json: AsJson = False,
) -> None:
    """Run an app with a prompt on golden cases, and decide: pass, fail or inconclusive.

    The run ends as soon as the comparison is decided, unless --min-pass-rate or --all ask for all cases. A new failure
    of a protected case fails. Datasets and digests on the server need RATCHET_URL and RATCHET_KEY with the scope read.

    Exit codes: 0 pass; 1 fail; 2 wrong usage: a flag, a case or the worker; 6 inconclusive: more cases are needed, or
    too much is unknown. With a server also: 3 it is unreachable, 4 the key is refused, 7 it does not have the content.
    """
    outputs = {"--report": report, "--html": html, "--junit": junit, "--markdown": markdown}
    _check_outputs(outputs)
    terms = (goal, margin, metric, min_pass_rate, repeats, all_cases)
    judges = (judge or (), judge_labels, judge_cache, judge_max_tokens, judge_max_usd)
    run = _read_run((dataset, evaluator or []), (prompt, baseline), terms, judges)
    _finish(_evaluate(run, worker, jobs, timeout), outputs, json)


def _check_outputs(outputs: Mapping[str, Path | None]) -> None:
    for flag, path in outputs.items():
        if path and not path.parent.is_dir():
            fail(f"{flag}: the directory {path.parent} does not exist", Exit.USAGE)


@dataclass(frozen=True, slots=True)
class _Run:
    """What the flags of a run name, read and checked."""

    golden_set: "GoldenSet"
    manifest: "Manifest"
    candidate: "Prompt"
    baseline: "Prompt | None"
    settings: "RunSettings"
    judges: "JudgeSetup | None"


def _read_run(
    cases: tuple[str, list[str]], prompts: tuple[str, str | None], terms: tuple[Any, ...], judges: tuple[Any, ...]
) -> _Run:
    """Read what flags name. `terms` and `judges` are the fields of RunSettings and of JudgeOptions, in their order."""
    from ratchet_evaluation.domain.settings import RunSettings

    golden_set, manifest = read_cases(*cases)
    candidate = read_prompt(prompts[0], "--prompt")
    baseline = read_prompt(prompts[1], "--baseline") if prompts[1] else None
    run = _Run(golden_set, manifest, candidate, baseline, RunSettings(*terms), _read_judges(*judges))
    _check_settings(run)
    return run


def _read_judges(*options: Any) -> "JudgeSetup | None":
    """Return the judges of the flags; wrong ones, or a missing endpoint, end the command."""
    from ratchet_evaluation.endpoints.model_endpoint import EndpointError
    from ratchet_evaluation.judge_files import JudgeFileError
    from ratchet_evaluation.judge_setup import JudgeOptions, read_setup

    try:
        return read_setup(JudgeOptions(*options))
    except (JudgeFileError, EndpointError) as error:
        fail(f"--judge: {error}", Exit.USAGE)


def check_metric(metric: str, golden_set: "GoldenSet") -> None:
    """End the command if no case has an evaluator of this name."""
    from ratchet_evaluation.domain.outcomes import PASS

    names = {spec.name for case in golden_set.cases for spec in case.evaluators}
    if metric != PASS and metric not in names:
        fail(f"--metric: no case has the evaluator {metric}; there are: {', '.join(sorted(names))}", Exit.USAGE)


def _check_settings(run: _Run) -> None:
    """End the command if nothing could be decided, or no case and no judge has the metric."""
    settings, golden_set, setup = run.settings, run.golden_set, run.judges
    if settings.metric not in {judge.score_name for judge in (setup.judges if setup else ())}:
        check_metric(settings.metric, golden_set)
    elif not (setup and setup.labels):
        fail("--metric: a judge decides only with --judge-labels, on which it agrees with people", Exit.USAGE)
    if run.baseline is None and settings.min_pass_rate is None and not any(case.protected for case in golden_set.cases):
        fail(
            "give --baseline or --min-pass-rate: without one, and without protected cases, nothing is decided",
            Exit.USAGE,
        )


def _evaluate(run: _Run, worker: str, jobs: int, timeout: float) -> "EvaluationReport":
    """Run the app; a worker that can't be imported ends the command."""
    from ratchet_evaluation.domain.near_duplicates import find_near_duplicates
    from ratchet_evaluation.domain.report import EvaluationReport
    from ratchet_evaluation.runner import run_evaluation
    from ratchet_evaluation.worker_pool import UnusableWorker, WorkerPool

    golden_set, prompts, settings = run.golden_set, (run.candidate, run.baseline), run.settings
    duplicates = find_near_duplicates(golden_set.cases)
    if run.judges:
        _print_estimate(run.judges, golden_set, settings.repeats * (2 if run.baseline else 1))
    try:
        with (
            WorkerPool(worker, jobs, timeout) as pool,
            _running_judges(run.judges, settings) as judges,
            _progress(len(golden_set.cases)) as advance,
        ):
            result = run_evaluation(pool, golden_set, *prompts, settings, jobs, advance, judge=judges or None)
    except UnusableWorker as error:
        fail(f"--worker: {error}", Exit.USAGE)
    return EvaluationReport(
        run.manifest.name, golden_set, worker, settings, *prompts, duplicates, result,
        judges=tuple(judges.judges) if judges else (), judge_spend=judges.spend if judges else None,
    )  # fmt: skip


@contextmanager
def _running_judges(setup: "JudgeSetup | None", settings: "RunSettings") -> "Iterator[JudgeThread | None]":
    """Yield the judges at work, if there are any. One that may not decide ends the command if it is the metric."""
    from ratchet_evaluation.judge_setup import running_judges

    if setup is None:
        yield None
        return
    with running_judges(setup) as thread:
        for each in thread.judges:
            if each.judge.score_name == settings.metric and not each.decides:
                fail(f"--metric: {settings.metric}: {each.reason}", Exit.UNDECIDED)
        yield thread


def _print_estimate(setup: "JudgeSetup", golden_set: "GoldenSet", answers: int) -> None:
    found = setup.estimate(golden_set, answers)
    cost = "cost unknown: no prices are set" if found.usd is None else f"about ${found.usd:.2f}"
    minutes = found.calls / setup.endpoint.calls_per_minute
    text = f"judges: at most about {found.calls:,} calls ({minutes:,.0f} minutes), {found.tokens:,} tokens, {cost}"
    console(stderr=True).print(text, highlight=False)


@contextmanager
def _progress(cases: int) -> "Iterator[Advance]":
    """Yield what counts cases; a bar on stderr if that is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as display:
        task = display.add_task("cases", total=cases)
        yield lambda done: display.advance(task, done)


def _finish(report: "EvaluationReport", outputs: Mapping[str, Path | None], json: bool) -> None:
    """Write and print the report; the exit code is that of its verdict."""
    _write(report, outputs)
    _print(report, json)
    if report.result.verdict != "pass":
        raise typer.Exit(_EXITS[report.result.verdict])


def _write(report: "EvaluationReport", outputs: Mapping[str, Path | None]) -> None:
    """Write the reports that were asked for."""
    from json import dumps

    from ratchet_evaluation.reports.html import render_html
    from ratchet_evaluation.reports.junit import render_junit
    from ratchet_evaluation.reports.markdown import render_markdown

    renderers = {
        "--report": lambda found: dumps(found.to_json(), indent=1, ensure_ascii=True) + "\n",
        "--html": render_html,
        "--junit": render_junit,
        "--markdown": render_markdown,
    }
    for flag, path in outputs.items():
        if path:
            try:
                path.write_text(renderers[flag](report), "utf-8")
            except OSError as error:
                fail(f"{flag}: {error}", Exit.USAGE)


def _print(report: "EvaluationReport", json: bool) -> None:
    if json:
        as_json(report.to_json())
    else:
        from ratchet_evaluation.reports.terminal import print_report

        print_report(report)
