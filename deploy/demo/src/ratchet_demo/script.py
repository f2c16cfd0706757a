"""What the story will be: who tells of the demo reads it here, and needs nothing else of it."""

import json
from pathlib import Path

TARGET = "support-bot"
RATE = 20.0
"""Questions a second: a small shop's day in about two minutes."""
GOOD_WHILE = 800
"""So many answers come before the edit."""
DROPPED = "Cite the number of the article that you rely on, like [A12].\n"
ADDED = "Sound sure of yourself.\n"
LAST = "Be friendly.\n"


def edit_is_due(file: Path) -> bool:
    """Whether the edit of the bot's prompt is still to come: its line stands there, or will once the bot began."""
    return not file.exists() or _as_written(DROPPED) in file.read_text("utf-8", errors="replace")


def edit_prompt(file: Path) -> bool:
    """The well-meant edit: shorter, and surer of itself. False if it was made before."""
    document = json.loads(file.read_text("utf-8"))
    system = document["messages"][0]
    if DROPPED not in system["content"]:
        return False
    system["content"] = system["content"].replace(DROPPED, "").replace(LAST, LAST + ADDED)
    file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return True


def _as_written(text: str) -> str:
    """How it stands within a string of a JSON file."""
    return json.dumps(text)[1:-1]
