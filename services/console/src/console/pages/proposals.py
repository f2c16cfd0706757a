"""Pages of proposals: list, and one proposal with its difference, evidence and decision."""

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.bisection_summary import BisectionReport, summarize_bisection
from console.domain.cost_rows import cost_rows
from console.domain.evaluation_summary import estimate_words, summarize_evaluation
from console.domain.permissions import decision_rights
from console.domain.rollout_summary import RolloutSummary
from console.domain.side_by_side import diff_rows, foreign_template_syntax, lines_of, unfilled
from console.page_context import Page, PageContext
from console.pages.rollouts import latest_rollout
from shared.web.pagination import Cursor

_PAGE_SIZE = 50
_MAX_EXECUTIONS = 6
_STATES = ("open", "approved", "rejected", "changes_requested", "withdrawn")
State = Annotated[str | None, Query(pattern=f"^({'|'.join(_STATES)})$")]
Name = Annotated[str | None, Query(max_length=200)]


def proposal_pages() -> APIRouter:
    """Return the routes below `/proposals`."""
    router = APIRouter(prefix="/proposals")

    @router.get("")
    async def proposals(page: Page, state: State = None, name: Name = None, cursor: Cursor = None) -> HTMLResponse:
        found = await page.get("/v1/proposals", state=state, name=name, cursor=cursor, limit=_PAGE_SIZE, brief="true")
        older = page.address(state=state, name=name, cursor=found["next"]) if found["next"] else None
        return page.render(
            "proposals.html", items=found["items"], older=older, state_asked=state, name_asked=name, states=_STATES
        )

    @router.get("/{proposal_id}")
    async def proposal(page: Page, proposal_id: UUID) -> HTMLResponse:
        return await _render_proposal(page, await page.get(f"/v1/proposals/{proposal_id}"))

    return router


async def _render_proposal(page: PageContext, found: dict[str, Any]) -> HTMLResponse:
    evidence = found["evidence"]
    executions, people, live, regression, run, bisection, rollout, pull = await page.gather(
        _executions(page, evidence["execution_ids"]),
        page.get_or_none("/v1/people"),
        page.get_or_none(f"/v1/prompts/{quote(found['name'], safe='')}"),
        _regression(page, evidence["regression_id"]),
        _latest_run(page, found),
        _bisection(page, evidence["regression_id"]),
        _rollout(page, found),
        _pull_request(page, found),
    )
    return page.render(
        "proposal.html",
        it=found,
        rows=diff_rows(found["rollback"], found["document"]),
        costs=cost_rows(found),
        unfilled=unfilled(found["rollback"], found["document"]),
        foreign_syntax=foreign_template_syntax(found["document"]),
        rollback_lines=lines_of(found["rollback"]),
        executions=executions,
        regression=regression,
        live=live,
        bisection=bisection,
        rollout=rollout,
        pull=pull,
        evaluation=summarize_evaluation(found, run, page.now),
        estimate=estimate_words(await _estimate(page, found)),
        rights=decision_rights(found, page.viewer, people["items"] if people else None, page.kill_switch["halted"]),
    )


async def _executions(page: PageContext, ids: list[str]) -> list[dict[str, Any]]:
    found = await page.get_or_none("/v1/executions", id=ids[:_MAX_EXECUTIONS]) if ids else None
    return list(found["items"]) if found else []


async def _latest_run(page: PageContext, proposal: dict[str, Any]) -> dict[str, Any] | None:
    if proposal["state"] != "open" or proposal["evaluation_rule"] == "none":
        return None
    found = await page.get_or_none("/v1/evaluations", proposal_id=proposal["id"], limit=1)
    return found["items"][0] if found and found["items"] else None


async def _estimate(page: PageContext, proposal: dict[str, Any]) -> dict[str, Any] | None:
    """Return what another evaluation may use; None without a golden set, or if none is to be requested."""
    if proposal["state"] != "open" or proposal["evaluation_rule"] == "none":
        return None
    return await page.get_or_none("/v1/evaluation-estimates", target=proposal["target"])


async def _rollout(page: PageContext, proposal: dict[str, Any]) -> RolloutSummary | None:
    return await latest_rollout(page, proposal_id=proposal["id"]) if proposal["state"] == "approved" else None


async def _pull_request(page: PageContext, proposal: dict[str, Any]) -> dict[str, Any] | None:
    found = await page.get_or_none("/v1/pull-requests", proposal_id=proposal["id"], limit=1)
    return found["items"][0] if found and found["items"] else None


async def _regression(page: PageContext, regression_id: str | None) -> dict[str, Any] | None:
    return await page.get_or_none(f"/v1/regressions/{regression_id}") if regression_id else None


async def _bisection(page: PageContext, regression_id: str | None) -> BisectionReport | None:
    if not regression_id:
        return None
    found = await page.get_or_none("/v1/bisections", regression_id=regression_id, limit=1)
    return summarize_bisection(found["items"][0]) if found and found["items"] else None
