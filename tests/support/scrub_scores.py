"""Recall and precision of scrubbing by kind and language. `python -m tests.support.scrub_scores` publishes them.

The published and the tested seeds differ from those used to develop the patterns.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from shared.pii.scrub import find_spans
from tests.support.draws import LANGUAGES
from tests.support.harmless_texts import negatives
from tests.support.personal_data import KINDS, labelled

PUBLISHED_SEED = 20_261_128
EACH = 40
PAGE = Path(__file__).parents[2] / "docs" / "scrubbing.md"
_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"


@dataclass
class Figures:
    """Counts by (kind, language). `found`: right kind and whole span; `wrong`: removed but not personal data."""

    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    harmless: int = 0
    harmed: int = 0

    def recall(self, kind: str) -> float:
        """Return the share of personal data that is found, over all languages."""
        return _total(self.found, kind) / _total(self.asked, kind)

    def precision(self, kind: str) -> float:
        """Return the share of removals as `kind` that are correct, including texts without personal data."""
        found = _total(self.found, kind)
        return found / (found + _total(self.wrong, kind))


def measure(seed: int, each: int) -> Figures:
    """Measure `each` texts for every kind and language, and the same number of harmless texts for every kind."""
    figures = Figures()
    for case in labelled(seed, each):
        figures.asked[case.kind, case.language] += 1
        for span in find_spans(case.text):
            if span.kind == case.kind and span.start <= case.start and case.end <= span.end:
                figures.found[case.kind, case.language] += 1
            else:
                figures.wrong[span.kind, case.language] += 1
    for text, language in negatives(seed, each * len(KINDS)):
        spans = find_spans(text)
        figures.harmless += 1
        figures.harmed += bool(spans)
        for span in spans:
            figures.wrong[span.kind, language] += 1
    return figures


def table(figures: Figures) -> str:
    """Return the figures as Markdown: a row per kind; recall by language, then recall and precision of all."""
    rows = ["| kind | n | " + " | ".join(LANGUAGES) + " | recall | precision |", "|---" * (len(LANGUAGES) + 4) + "|"]
    for kind in KINDS:
        shares = (f"{figures.found[kind, lang] / figures.asked[kind, lang]:.1%}" for lang in LANGUAGES)
        total = f"{figures.recall(kind):.2%} | {figures.precision(kind):.2%}"
        rows.append(f"| {kind} | {_total(figures.asked, kind):,} | {' | '.join(shares)} | {total} |")
    harmless = f"Of {figures.harmless:,} texts without personal data, {figures.harmed} lost something."
    return "\n".join((*rows, "", harmless))


def page_with(figures: Figures) -> str:
    """Return the page with these figures between its markers."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    return f"{before}{_BEGIN}\n{table(figures)}\n{_END}{rest.partition(_END)[2]}"


def _total(counts: Counter[tuple[str, str]], kind: str) -> int:
    return sum(counts[kind, language] for language in LANGUAGES)


if __name__ == "__main__":
    PAGE.write_text(page_with(measure(PUBLISHED_SEED, EACH)))
