"""`ratchet bisect`. Slow imports are made when the command runs, so that `ratchet --help` is fast."""

from collections.abc import Mapping
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ratchet.cli.output import AsJson, Exit, as_json, console, fail, line, table
from ratchet_evaluation import command_options as flags
from ratchet_evaluation.command import check_metric
from ratchet_evaluation.command_inputs import read_cases, read_prompt

if TYPE_CHECKING:
    from ratchet.prompt import Prompt
    from ratchet_evaluation.domain.bisection import BisectionResult, ProbeResult
    from ratchet_evaluation.domain.golden_set import GoldenSet
    from ratchet_evaluation.domain.prompt_hunks import PromptHunks
    from ratchet_evaluation.domain.settings import RunSettings


def bisect(
    dataset: flags.Dataset,
    worker: flags.Worker,
    good: flags.GoodSource,
    bad: flags.BadSource,
    margin: flags.HunkMargin = 0.1,
    metric: flags.Metric = "pass",
    evaluator: flags.Evaluators = None,
    repeats: flags.Repeats = 1,
    jobs: flags.Jobs = 4,
    timeout: flags.Timeout = 60.0,
    fix: flags.FixFile = None,
    json: AsJson = False,
) -> None:
    """Find the changes of a prompt that made answers worse, and write the smallest fix: the rest is kept.

    Groups of changed lines are compared with the good prompt on golden cases, each only until it is decided. A change
    that is worse by less than the margin is not blamed. Cases and prompts are files, or on the server, as of eval.

    Exit codes: 0 the harmful changes are found; 1 nothing is shown to be worse; 2 wrong usage; 6 undecided: more cases
    are needed.
    """
    from ratchet_evaluation.domain.prompt_hunks import PromptHunks
    from ratchet_evaluation.domain.settings import RunSettings

    if fix and not fix.parent.is_dir():
        fail(f"--fix: the directory {fix.parent} does not exist", Exit.USAGE)
    golden_set, _ = read_cases(dataset, evaluator or [])
    check_metric(metric, golden_set)
    prompts = PromptHunks(read_prompt(good, "--good"), read_prompt(bad, "--bad"))
    if not prompts.hunks:
        fail("--good and --bad are the same prompt", Exit.USAGE)
    settings = RunSettings("not-worse", margin, metric, None, repeats)
    found, asked = _run(worker, jobs, timeout, golden_set, prompts, settings)
    described = _describe(prompts, found, asked)
    if fix and found.causal:
        _write(_fixed(prompts, found), fix)
    as_json(described) if json else _print(described, fix)
    if not found.causal or found.undecided:
        raise typer.Exit(Exit.UNDECIDED if found.undecided else Exit.FAILED)


def _run(
    worker: str,
    jobs: int,
    timeout: float,
    golden_set: "GoldenSet",
    prompts: "PromptHunks",
    settings: "RunSettings",
) -> "tuple[BisectionResult, int]":
    """Run the app; a worker that can't be imported ends the command."""
    from ratchet_evaluation.bisection_runner import run_bisection
    from ratchet_evaluation.worker_pool import UnusableWorker, WorkerPool

    progress = console(stderr=True)

    def report(result: "ProbeResult") -> None:
        changes, found = _listed(sorted(hunk + 1 for hunk in result.hunks)), result.comparison
        progress.print(f"{changes}: {found.conclusion} after {found.difference.n} cases", highlight=False)

    try:
        with WorkerPool(worker, jobs, timeout) as pool:
            return run_bisection(pool, golden_set, prompts, settings, jobs, report)
    except UnusableWorker as error:
        fail(f"--worker: {error}", Exit.USAGE)


def _write(prompt: "Prompt", file: Path) -> None:
    try:
        file.write_text(dumps(prompt.to_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        fail(f"--fix: {error}", Exit.USAGE)


def _fixed(prompts: "PromptHunks", found: "BisectionResult") -> "Prompt":
    """Return the bad prompt without its harmful changes."""
    causal = {each.hunk for each in found.causal}
    return prompts.apply([index for index in range(len(prompts.hunks)) if index not in causal])


def _describe(prompts: "PromptHunks", found: "BisectionResult", asked: int) -> dict[str, Any]:
    """Return the result as JSON; `answers` is what the app was asked for."""
    shown_by = {each.hunk: each.shown_by for each in found.causal}
    hunks = []
    for index, hunk in enumerate(prompts.hunks):
        verdict = "worse" if index in shown_by else "undecided" if index in found.undecided else "not worse"
        about = {"number": index + 1, "path": hunk.path, "before": hunk.before, "after": hunk.after}
        hunks.append({**about, "verdict": verdict, "shown_by": _comparison(shown_by.get(index))})
    fixed = _fixed(prompts, found).digest if found.causal else None
    prompt_digests = {"good": prompts.good.digest, "bad": prompts.bad.digest, "fix": fixed}
    probes = [_comparison(each) for each in found.probes]
    return {
        **prompt_digests,
        "changes": hunks,
        "fixed": _comparison(found.restored),
        "probes": probes,
        "answers": asked,
    }


def _comparison(result: "ProbeResult | None") -> dict[str, Any] | None:
    if result is None:
        return None
    difference = result.comparison.difference
    return {
        "changes": sorted(hunk + 1 for hunk in result.hunks),
        "conclusion": result.comparison.conclusion,
        "cases": difference.n,
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
    }


def _print(described: Mapping[str, Any], fix: Path | None) -> None:
    rows = [
        (str(each["number"]), each["verdict"], each["path"], _text(each["before"]), _text(each["after"]))
        for each in described["changes"]
    ]
    table(("#", "verdict", "where", "before", "after"), rows)
    shown_by = [each["shown_by"] for each in described["changes"] if each["shown_by"]]
    for number, shown in enumerate(shown_by):
        if shown not in shown_by[:number]:
            _print_comparison(_listed(shown["changes"]), shown)
    if described["fixed"]:
        _print_comparison("the fix", described["fixed"])
    if not described["fix"] and described["probes"][0]["conclusion"] == "worse":
        line("Together the changes are worse; to tell which of them, more cases are needed.")
    line(f"{described['answers']} answers in {len(described['probes'])} comparisons")
    if fix and described["fix"]:
        line(f"the fix is in {fix}: {described['fix']}")


def _print_comparison(what: str, shown: Mapping[str, Any]) -> None:
    """Print a difference to the good prompt with its interval."""
    interval = f"{100 * shown['low']:+.0f} to {100 * shown['high']:+.0f} pp"
    mean = "unknown" if shown["difference"] is None else f"{100 * shown['difference']:+.1f} pp [{interval}]"
    line(f"{what}: {mean} against the good prompt, {shown['conclusion']} after {shown['cases']} cases")


def _listed(numbers: list[int]) -> str:
    """Return the numbers of changes, with ranges: `changes 1-3, 7`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    shown = ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
    return f"change{'s' if len(numbers) > 1 else ''} {shown}"


def _text(value: object) -> str:
    return "–" if value is None else value if isinstance(value, str) else dumps(value, ensure_ascii=False)
