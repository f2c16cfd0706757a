"""The rollout on the pages of prompts and proposals."""

from console.domain.rollout_summary import RolloutSummary, summarize_rollout
from console.page_context import PageContext


async def latest_rollout(page: PageContext, **query: str) -> RolloutSummary | None:
    """Return the newest rollout of a prompt (`name`) or a proposal (`proposal_id`); None if there is none."""
    found = await page.get_or_none("/v1/rollouts", limit=1, **query)
    if not found or not found["items"]:
        return None
    whole = await page.get_or_none(f"/v1/rollouts/{found['items'][0]['id']}")
    return summarize_rollout(whole) if whole else None
