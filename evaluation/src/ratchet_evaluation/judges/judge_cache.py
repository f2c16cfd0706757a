"""Cache of scores on disk, by digest of the judge and digest of what it judged. Only known scores are kept."""

import json
import os
import tempfile
from datetime import date
from pathlib import Path

from ratchet_evaluation.domain.judges.spend import JudgeSpend


class JudgeCache:
    """Scores in files of one directory, which several processes may share; and the spend of each day, as lines."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, judge: str, judged: str) -> float | None:
        """Return a score; None if it is not known."""
        try:
            value = json.loads(self._path(judge, judged).read_text("utf-8"))["score"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return float(value) if isinstance(value, int | float) and 0.0 <= value <= 1.0 else None

    def put(self, judge: str, judged: str, score: float) -> None:
        """Keep a score. Raises OSError."""
        path = self._path(judge, judged)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump({"judge": judge, "judged": judged, "score": score}, file)
        os.replace(file.name, path)

    def add_spend(self, day: date, spend: JudgeSpend) -> None:
        """Add what calls used to that of a day. Raises OSError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._spend_path(day).open("a", encoding="utf-8") as file:
            file.write(json.dumps(spend.to_json()) + "\n")

    def get_spend(self, day: date) -> JudgeSpend:
        """Return what was used on a day; lines that can't be read are left out."""
        total = JudgeSpend()
        try:
            lines = self._spend_path(day).read_text("utf-8").splitlines()
        except OSError:
            return total
        for line in lines:
            try:
                found = json.loads(line)
                total += JudgeSpend(
                    found["calls"], found["input_tokens"], found["output_tokens"], found["usd"],
                    found["estimated_calls"],
                )  # fmt: skip
            except (ValueError, KeyError, TypeError):
                continue
        return total

    def _path(self, judge: str, judged: str) -> Path:
        first, second = (each.removeprefix("sha256:") for each in (judge, judged))
        return self._directory / first[:16] / f"{second}.json"

    def _spend_path(self, day: date) -> Path:
        return self._directory / f"spend-{day.isoformat()}.jsonl"
