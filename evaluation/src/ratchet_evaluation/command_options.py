"""Flags of `ratchet eval` and `ratchet dataset`; imports nothing slow."""

from pathlib import Path
from typing import Annotated, Literal

import typer

GoalName = Literal["better", "not-worse"]

Dataset = Annotated[
    str,
    typer.Option(
        metavar="FILE|NAME",
        help="Golden cases: a file, one JSON object a line; or a dataset on the server: NAME or NAME@DIGEST.",
    ),
]
DatasetFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Golden cases, one JSON object a line.")]
Worker = Annotated[
    str,
    typer.Option(metavar="MODULE:FUNCTION", help="The app's function answer(prompt, case); its output goes to stderr."),
]
PromptSource = Annotated[
    str,
    typer.Option(
        metavar="FILE|DIGEST",
        help="The candidate: a document (.json), a text with {{variables}}, or a digest that the server knows.",
    ),
]
BaselineSource = Annotated[
    str | None, typer.Option(metavar="FILE|DIGEST", help="The prompt to compare with, in the same forms.")
]
LabelFiles = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, help="Labels, one JSON object a line; several are joined.")
]
PeopleField = Annotated[str, typer.Option(metavar="FIELD", help="The field with people's labels, numbers or booleans.")]
JudgeFields = Annotated[
    list[str],
    typer.Option(metavar="FIELD[=VALUE]", help="A field with a judge's labels, good from VALUE on. Repeatable."),
]
JoinFields = Annotated[
    list[str] | None, typer.Option("--on", metavar="FIELD", help="With several files: a field that joins. Repeatable.")
]
ClusterField = Annotated[str | None, typer.Option(metavar="FIELD", help="Rows with the same value are dependent.")]
GroupField = Annotated[str | None, typer.Option(metavar="FIELD", help="Also show each value of this field alone.")]
GoodFrom = Annotated[float, typer.Option(help="The lowest value that is good.")]
MinKappa = Annotated[float | None, typer.Option(min=-1.0, max=1.0, help="The kappa that each judge has to reach.")]
GoodSource = Annotated[
    str, typer.Option(metavar="FILE|DIGEST", help="The prompt before the change, in the same forms as eval's.")
]
BadSource = Annotated[str, typer.Option(metavar="FILE|DIGEST", help="The prompt that is worse.")]
HunkMargin = Annotated[
    float, typer.Option(min=0.001, max=0.5, help="Harm that is accepted, as a share of the scale: 0.1 for 10 pp.")
]
FixFile = Annotated[
    Path | None, typer.Option("--fix", dir_okay=False, help="Write the bad prompt without its harmful changes.")
]
MinPassRate = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="Fail if a smaller share of the cases passes, such as 0.85.")
]
Goal = Annotated[GoalName, typer.Option(help="What has to be shown about the candidate.")]
Margin = Annotated[
    float,
    typer.Option(min=0.001, max=0.5, help="Not worse: by at most this share of the scale, such as 0.05 for 5 pp."),
]
Metric = Annotated[str, typer.Option(help="What is compared: pass, or the score of an evaluator, such as similarity.")]
Evaluators = Annotated[
    list[str] | None,
    typer.Option("--evaluator", metavar='NAME[={"…": …}]', help="For cases that name none. Repeatable."),
]
Judges = Annotated[
    list[Path] | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="A judge (.json) that scores each answer. It needs RATCHET_JUDGE_URL. Repeatable.",
    ),
]
JudgeLabels = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, help="Answers that people labelled. Only judges that agree with them decide."
    ),
]
JudgeCacheFolder = Annotated[
    Path | None, typer.Option(file_okay=False, help="Where scores of judges are kept; by default .ratchet/judge-cache.")
]
JudgeMaxTokens = Annotated[int | None, typer.Option(min=0, help="The most tokens that judges may use in this run.")]
JudgeMaxUsd = Annotated[
    float | None, typer.Option(min=0.0, help="The most US dollars that judges may use; needs prices.")
]
Repeats = Annotated[
    int, typer.Option(min=1, max=100, help="Answers to each case and prompt, if the app's answers vary.")
]
AllCases = Annotated[bool, typer.Option("--all", help="Run all cases, also after the comparison is decided.")]
Jobs = Annotated[int, typer.Option(min=1, max=256, help="Processes that run the app's function.")]
Timeout = Annotated[float, typer.Option(min=0.1, max=3600.0, help="Seconds for one answer; then the case has failed.")]
ReportFile = Annotated[Path | None, typer.Option("--report", dir_okay=False, help="Write the report as JSON.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", dir_okay=False, help="Write a page with the failed cases.")]
JUnitFile = Annotated[Path | None, typer.Option("--junit", dir_okay=False, help="Write JUnit XML.")]
MarkdownFile = Annotated[
    Path | None, typer.Option("--markdown", dir_okay=False, help="Write Markdown, for a comment on a pull request.")
]
WriteManifest = Annotated[bool, typer.Option("--manifest", help="Write the manifest next to the file.")]
ManifestName = Annotated[str | None, typer.Option("--name", help="With --manifest: the name of the set.")]
Licence = Annotated[str | None, typer.Option(help="With --manifest: the licence of the cases, such as CC-BY-4.0.")]
ServerDataset = Annotated[
    str, typer.Argument(metavar="NAME", help="The dataset's name on the server: letters, digits and ._- only.")
]
AugmentationKinds = Annotated[
    list[str],
    typer.Option("--kind", help="typo, reorder (sentences) or paraphrase (no capitals, no punctuation). Repeatable."),
]
DatasetTarget = Annotated[str, typer.Option(help="The app or route whose answers the cases judge; fixed once chosen.")]
DatasetDescription = Annotated[str | None, typer.Option(help="What the cases are, for people.")]
AcceptCases = Annotated[bool, typer.Option("--accept", help="Also accept those that are proposed, in your name.")]
PulledFile = Annotated[Path | None, typer.Argument(dir_okay=False, help="By default NAME.jsonl.")]
VersionDigest = Annotated[str | None, typer.Option(help="The digest of a version; by default the latest version's.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Replace existing files.")]
TrainingFile = Annotated[Path, typer.Argument(dir_okay=False, help="The file to write, one JSON object a line.")]
OfTarget = Annotated[str | None, typer.Option("--target", help="Only this target.")]
Since = Annotated[str | None, typer.Option(help="Occurred then or later: a time with its offset.")]
Until = Annotated[str | None, typer.Option(help="Occurred before.")]
JudgedBy = Annotated[
    str | None,
    typer.Option("--score", help="Also pairs of answers to one input that differ by this score; more is better."),
]
JudgedGap = Annotated[float, typer.Option("--gap", min=0.0, help="By how much their scores differ, at least.")]
HeldOut = Annotated[
    list[str] | None,
    typer.Option("--hold-out", metavar="FILE|NAME", help="Leave out what this golden set asks. Repeatable."),
]
TrainingLicence = Annotated[str | None, typer.Option("--licence", help="The licence of the rows, for the manifest.")]
CaseSourceName = Annotated[
    str,
    typer.Option(
        "--from", help="thumb-down, low-rating, correction, low-score, boundary (near --limit) or disagreement."
    ),
]
ScoredBy = Annotated[
    str | None, typer.Option("--metric", help="A score, such as score.faithfulness; more of it is better.")
]
GoodLimit = Annotated[float | None, typer.Option("--limit", help="Its value from which on an answer is good.")]
NearLimit = Annotated[float, typer.Option("--within", min=0.0, help="With boundary: how near to --limit.")]
MostCases = Annotated[int, typer.Option("--most", min=1, max=500, help="Maximum number of proposed cases.")]
WithContexts = Annotated[bool, typer.Option("--with-contexts", help="The app is to use the same contexts.")]
