"""Ratchet in FastAPI: an observed route, and thumbs from the app's own page without a key in the browser.

`pip install './sdk[fastapi]' uvicorn` in your clone; then, in this folder,
`RATCHET_URL=… RATCHET_KEY=… uvicorn observed_fastapi:app`.
"""

from pathlib import Path

from fastapi import FastAPI, Header, HTTPException

import ratchet
from ratchet.integrations.fastapi import thumbs_router

client = ratchet.configure(kind=ratchet.AsyncRatchet)  # reads RATCHET_URL and RATCHET_KEY


async def current_user(x_user: str | None = Header(None)) -> str:
    """Stands for your app's own check of who asks."""
    if not x_user:
        raise HTTPException(401)
    return x_user


async def your_model(messages: list[dict[str, str]]) -> str:
    """Stands for the call that your app makes today."""
    return f"An answer to {len(messages)} message(s)."


app = FastAPI()
app.include_router(thumbs_router(client, user=current_user))


@app.post("/ask")
async def ask(question: str) -> dict[str, str]:
    with client.observe("my-app", input=question) as call:
        prompt = await client.prompt("my-app-answer", default=Path("prompts/answer.md"))
        reply = await your_model(prompt.render(question=question))
        call.add(output=reply)
    return {"reply": reply, "execution_id": call.id}
