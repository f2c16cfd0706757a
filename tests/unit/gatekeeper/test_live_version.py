"""Conversion of a history row to the signed event."""

from uuid import uuid4

import pytest

from gatekeeper.delivery.hub import live_frame
from gatekeeper.domain.live_version import authorisation
from gatekeeper.domain.signer import Signer
from ratchet.signing import live_bytes, new_private_key, verify
from shared.events.promotion import PromptLive
from tests.support.live_rows import live_row, signed_live


def test_the_signature_covers_the_json_of_the_event() -> None:
    signer = Signer(new_private_key())
    event = signed_live(signer)
    read = PromptLive.model_validate_json(event.model_dump_json())
    assert verify(signer.public, live_bytes(read.model_dump(mode="json")), read.signature.value)


@pytest.mark.parametrize("kind", ["decision", "grant_use", "rollback"])
def test_a_row_cites_exactly_one_authorisation(kind: str) -> None:
    cited = uuid4()
    made = live_row(**{"decision_id": None, f"{kind}_id": cited})
    assert authorisation(made) == {"kind": kind.removesuffix("_use"), "id": str(cited), "by": "reviewer"}


def test_a_frame_is_one_server_sent_event() -> None:
    signer = Signer(new_private_key())
    written = live_frame(signed_live(signer)).data
    kind, number, data, *rest = written.decode().split("\n")
    assert (kind, number, rest) == ("event: prompt", "id: 7", ["", ""])
    assert PromptLive.model_validate_json(data.removeprefix("data: ")).sequence == 7
