"""The code that wires somebody's app (pure): what `examples/` runs, with their target in it."""

import json
import re

from ratchet.prompt import MAX_NAME, PromptError, prompt_name

_SUFFIX = "-answer"

_PLAIN = """\
from pathlib import Path

from ratchet import Ratchet

client = Ratchet()  # reads RATCHET_URL and RATCHET_KEY
prompt = client.prompt({name}, default=Path("prompts/answer.md"), target={target})
reply = your_model(prompt.render(question=question))
call = client.record(prompts=[prompt], input=question, output=reply)
client.feedback(call, kind="thumb", value=True)
"""

_FASTAPI = """\
from pathlib import Path

from fastapi import FastAPI

from ratchet import AsyncRatchet

app = FastAPI()
client = AsyncRatchet()  # reads RATCHET_URL and RATCHET_KEY


@app.post("/ask")
async def ask(question: str) -> dict[str, str]:
    prompt = await client.prompt({name}, default=Path("prompts/answer.md"), target={target})
    reply = await your_model(prompt.render(question=question))
    call = client.record(prompts=[prompt], input=question, output=reply)
    return {{"reply": reply, "call": call}}


@app.post("/thumb")
async def thumb(call: str, up: bool) -> None:
    client.feedback(call, kind="thumb", value=up)
"""


def plain(target: str) -> str:
    """For an ordinary program; `your_model` and `question` are the app's own."""
    return _PLAIN.format(**_names(target))


def fastapi(target: str) -> str:
    """For a FastAPI app."""
    return _FASTAPI.format(**_names(target))


def _names(target: str) -> dict[str, str]:
    """The target and a prompt name of its own: apps that use one name are served one text."""
    return {"target": _literal(target), "name": _literal(_prompt_name(target))}


def _prompt_name(target: str) -> str:
    """`<target>-answer`, with other characters than letters and digits left out where that would be no name."""
    try:
        return prompt_name(f"{target[: MAX_NAME - len(_SUFFIX)]}{_SUFFIX}")
    except PromptError:
        plain = re.sub(r"[^A-Za-z0-9]+", "-", target[: MAX_NAME - len(_SUFFIX)]).strip("-")
        return f"{plain or 'app'}{_SUFFIX}"


def _literal(text: str) -> str:
    """In Python's words, with nothing invisible in it."""
    return json.dumps(text) if text.isascii() else ascii(text)
