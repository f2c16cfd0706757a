"""Ratchet in an ordinary program.

`pip install ./sdk` in your clone; then, in this folder, `RATCHET_URL=… RATCHET_KEY=… python plain.py`.
"""

from pathlib import Path

from ratchet import Ratchet


def your_model(messages: list[dict[str, str]]) -> str:
    """Stands for the call that your app makes today."""
    return f"An answer to {len(messages)} message(s)."


question = "Where is my parcel?"

client = Ratchet()  # reads RATCHET_URL and RATCHET_KEY
prompt = client.prompt("my-app-answer", default=Path("prompts/answer.md"), target="my-app")
reply = your_model(prompt.render(question=question))
call = client.record(prompts=[prompt], input=question, output=reply)
client.feedback(call, kind="thumb", value=True)
