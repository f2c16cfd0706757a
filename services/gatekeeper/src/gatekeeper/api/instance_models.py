"""Responses about instances of apps and what they serve."""

from datetime import datetime

from gatekeeper.domain.instance_reports import ServingState
from shared.web.response_models import DescribedResponse


class PromptInstancesView(DescribedResponse):
    """How many of the reporting instances serve what is live of a prompt: its version, and a candidate's weight."""

    name: str
    sequence: int
    digest: str
    candidate_digest: str | None
    weight: int | None
    instances: int
    serving: int
    stale: int
    refusing: int


class InstanceView(DescribedResponse):
    """What an instance serves of a prompt; the app's own text without `sequence`.

    `refusal`: why it does not serve `refused_sequence` (null: unknown). `state` is null where nothing is live.
    """

    instance: str
    sdk: str
    reported_at: datetime
    name: str
    sequence: int | None
    digest: str | None
    candidate_digest: str | None
    weight: int | None
    refused_sequence: int | None
    refusal: str | None
    state: ServingState | None


class UnreportedView(DescribedResponse):
    """What a client that does not report was last sent of a prompt, and when; before that, when it connected."""

    instance: str | None
    name: str | None
    sequence: int | None
    digest: str | None
    since: datetime


class InstanceList(DescribedResponse):
    """All instances that reported in the last `expires_after_seconds`, over all gatekeepers.

    `connected` counts the streams of the gatekeeper that answers; `unreported` are those whose client does not report.
    """

    gatekeeper: str
    connected: int
    expires_after_seconds: int
    prompts: list[PromptInstancesView]
    items: list[InstanceView]
    unreported: list[UnreportedView]
