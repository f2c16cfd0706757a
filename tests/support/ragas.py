"""Ragas in tests: its Python, and replies that fit its schemas."""

import json
import os
from pathlib import Path
from typing import Any

from tests.support.judges import completion

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("RATCHET_RAGAS_PYTHON") or str(ROOT / ".cache" / "ragas" / "bin" / "python")
MISSING = "Ragas is not installed: make ragas, or RATCHET_RAGAS_PYTHON"


def is_installed() -> bool:
    """Return whether there is a Python that has Ragas."""
    return Path(PYTHON).exists()


def ragas_reply(body: dict[str, Any]) -> dict[str, Any]:
    """Return what Ragas' prompt asks for: two statements of which one is supported, a question, or a verdict."""
    prompt = json.dumps(body["messages"])
    if "verdict" in prompt and "statements" in prompt:
        verdicts = [{"statement": "s", "reason": "r", "verdict": verdict} for verdict in (1, 0)]
        content: Any = {"statements": verdicts}
    elif "noncommittal" in prompt:
        content = {"question": "May I return a lamp?", "noncommittal": 0}
    elif "verdict" in prompt:
        content = {"reason": "r", "verdict": 1 if "30 days" in prompt else 0}
    else:
        content = {"statements": ["Within 30 days.", "Unused."]}
    return completion(json.dumps(content))
