"""What all models of responses have in common: a response has exactly the fields that its model describes."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

NEXT: Any = Field(description="The `cursor` of the next page; null if there is none")


class DescribedResponse(BaseModel):
    """A JSON object of a response. It describes: routes answer with what they have, which tests compare with it."""

    model_config = ConfigDict(extra="forbid")


def describe_response(model: type[BaseModel], status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route whose responses are of a model."""
    return {status: {"model": model}}
