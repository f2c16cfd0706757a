"""Ratchet with OpenAI's client: calls, streams, tools and errors are recorded without a line per call.

`pip install ./sdk openai` in your clone; then, in this folder,
`RATCHET_URL=… RATCHET_KEY=… OPENAI_API_KEY=… python observed_openai.py`.
With `OPENAI_BASE_URL`, it asks another server with the same API; `MODEL` is the model's name there.
"""

import os
from pathlib import Path

from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam

import ratchet
from ratchet.integrations.openai import wrap_openai

client = ratchet.configure()  # reads RATCHET_URL and RATCHET_KEY
openai = wrap_openai(OpenAI(), client)
question = "Where is my parcel?"

with client.observe("my-app", input=question, user="u17") as call:
    prompt = client.prompt("my-app-answer", default=Path("prompts/answer.md"))
    message = ChatCompletionUserMessageParam(role="user", content=prompt.text(question=question))
    reply = openai.chat.completions.create(model=os.environ.get("MODEL", "gpt-5"), messages=[message])
    call.add(output=reply.choices[0].message.content)

client.feedback(call.id, kind="thumb", value=True)
if not client.flush(10):  # True if the server has answered for everything
    print("Not everything could be sent:", client.counters)
