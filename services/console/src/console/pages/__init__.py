"""The pages, one module for each resource."""

from console.pages.annotation import annotation_pages
from console.pages.api_docs import api_docs_pages
from console.pages.audit import audit_pages
from console.pages.case_proposals import case_proposal_pages
from console.pages.datasets import dataset_pages
from console.pages.executions import execution_pages
from console.pages.few_shots import few_shot_pages
from console.pages.judges import judge_pages
from console.pages.metrics import metric_pages
from console.pages.overview import overview_pages
from console.pages.people import people_pages
from console.pages.prompt_edits import prompt_edit_pages
from console.pages.prompts import prompt_pages
from console.pages.proposals import proposal_pages
from console.pages.regressions import regression_pages
from console.pages.session import session_pages
from console.pages.sources import source_pages
from console.pages.start import start_pages
from console.pages.topics import topic_pages

PAGE_ROUTERS = (
    session_pages,
    overview_pages,
    execution_pages,
    regression_pages,
    proposal_pages,
    prompt_edit_pages,
    prompt_pages,
    few_shot_pages,
    case_proposal_pages,
    dataset_pages,
    annotation_pages,
    judge_pages,
    metric_pages,
    topic_pages,
    source_pages,
    audit_pages,
    people_pages,
    start_pages,
    api_docs_pages,
)
