"""Page that proposes golden cases from recorded executions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.case_choices import EVALUATIONS, SOURCES, drafted_cases, evaluators_for
from console.page_context import Page
from console.rendering import quote_segment
from ratchet.case_drafts import SCORED, CaseQuery, CaseSource

Metric = Annotated[str, Query(max_length=200)]
Text = Annotated[str, Query(max_length=500)]
Number = Annotated[float, Query(ge=-1e9, le=1e9, allow_inf_nan=False)]
Evaluation = Literal["similar", "refusal", "citations", "contains"]
_MOST = 20


def case_proposal_pages() -> APIRouter:
    """Return `/datasets/{name}/propose`."""
    router = APIRouter(prefix="/datasets")

    @router.get("/{name}/propose")
    async def propose(
        page: Page, name: str, source: CaseSource = "thumb-down", metric: Metric = "", limit: Number = 0.5,
        within: Number = 0.1, evaluation: Evaluation = "refusal", text: Text = "",
    ) -> HTMLResponse:  # fmt: skip
        path = f"/v1/datasets/{quote_segment(name)}"
        dataset = await page.get(path)
        query = CaseQuery(source, metric or None, limit if source in SCORED else None, within)
        evaluators, rows, older = evaluators_for(evaluation, text or None), [], False
        if evaluators and (metric or source not in SCORED):
            found = await page.get("/v1/executions", target=dataset["target"], limit=_MOST, **query.filters())
            ids = [item["id"] for item in found["items"]]
            details = await page.gather(*(page.get_or_none(f"/v1/executions/{quote_segment(id_)}") for id_ in ids))
            rows, older = drafted_cases(details, query, evaluators), found["next"] is not None
        return page.render(
            "case_proposals.html", dataset=dataset, api=path, rows=rows, older=older, sources=SOURCES, scored=SCORED,
            evaluations=EVALUATIONS, asked={"source": source, "metric": metric, "limit": limit, "within": within,
                                            "evaluation": evaluation, "text": text},
        )  # fmt: skip

    return router
