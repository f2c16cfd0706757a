"""Constants and the edit of the demo's story, without other imports."""

import json
from pathlib import Path

TARGET = "support-bot"
RATE = 20.0
"""Questions a second: a small shop's day in about two minutes."""
ANSWERS_BEFORE_EDIT = 800
"""Number of answers before the edit."""
DROPPED = "Cite the number of the article that you rely on, like [A12].\n"
ADDED = "Sound sure of yourself.\n"
LAST = "Be friendly.\n"


def edit_is_due(file: Path) -> bool:
    """Return whether the edit of the bot's prompt is still to come."""
    return not file.exists() or _as_written(DROPPED) in file.read_text("utf-8", errors="replace")


def edit_prompt(file: Path) -> bool:
    """Edit the prompt: shorter and more confident. Return False if it was edited before."""
    document = json.loads(file.read_text("utf-8"))
    system = document["messages"][0]
    if DROPPED not in system["content"]:
        return False
    system["content"] = system["content"].replace(DROPPED, "").replace(LAST, LAST + ADDED)
    file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return True


def _as_written(text: str) -> str:
    """Return the text as it is written within a JSON string."""
    return json.dumps(text)[1:-1]
