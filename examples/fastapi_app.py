"""Ratchet in FastAPI.

`pip install ./sdk fastapi uvicorn` in your clone; then, in this folder,
`RATCHET_URL=… RATCHET_KEY=… uvicorn fastapi_app:app`.
"""

from pathlib import Path

from fastapi import FastAPI

from ratchet import AsyncRatchet

app = FastAPI()
client = AsyncRatchet()  # reads RATCHET_URL and RATCHET_KEY


async def your_model(messages: list[dict[str, str]]) -> str:
    """Stands for the call that your app makes today."""
    return f"An answer to {len(messages)} message(s)."


@app.post("/ask")
async def ask(question: str) -> dict[str, str]:
    prompt = await client.prompt("my-app-answer", default=Path("prompts/answer.md"), target="my-app")
    reply = await your_model(prompt.render(question=question))
    call = client.record(prompts=[prompt], input=question, output=reply)
    return {"reply": reply, "call": call}


@app.post("/thumb")
async def thumb(call: str, up: bool) -> None:
    client.feedback(call, kind="thumb", value=up)
