"""Code that connects an app, as in `examples/`, with the target filled in."""

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
    """Return the code for a Python program; `your_model` and `question` are the app's own."""
    return _PLAIN.format(**_names(target))


def fastapi(target: str) -> str:
    """Return the code for a FastAPI app."""
    return _FASTAPI.format(**_names(target))


def _names(target: str) -> dict[str, str]:
    """Return the target and its prompt name, as literals. Each target gets its own name: one name has one text."""
    return {"target": _literal(target), "name": _literal(_prompt_name(target))}


def _prompt_name(target: str) -> str:
    """Return `<target>-answer`; if that is not a valid name, with other characters than letters and digits as `-`."""
    try:
        return prompt_name(f"{target[: MAX_NAME - len(_SUFFIX)]}{_SUFFIX}")
    except PromptError:
        plain = re.sub(r"[^A-Za-z0-9]+", "-", target[: MAX_NAME - len(_SUFFIX)]).strip("-")
        return f"{plain or 'app'}{_SUFFIX}"


def _literal(text: str) -> str:
    """Return a Python string literal without invisible characters."""
    return json.dumps(text) if text.isascii() else ascii(text)
