"""Types of Parquet columns."""

from typing import Any

import pytest
from pydantic import BaseModel

from collector.api.execution_models import ExecutionDetail
from collector.domain.export_format import COLUMNS
from collector.domain.parquet_types import column_types


def test_every_field_of_an_execution_is_a_column() -> None:
    types = column_types(ExecutionDetail, COLUMNS)
    assert set(types) == set(ExecutionDetail.model_fields)
    assert (types["id"], types["outcome"], types["occurred_at"], types["cost"]) == ("text", "text", "time", "number")
    assert (types["revision"], types["scores"]) == ("integer", {"map": "number"})
    assert types["prompts"] == {"list": {"struct": {"name": "text", "digest": "text", "version": "text"}}}
    assert types["consent"] == {"struct": {"quality": "boolean", "learning": "boolean"}}


def test_field_without_a_column_type_is_an_error() -> None:
    class Odd(BaseModel):
        anything: Any

    with pytest.raises(TypeError, match="no type of a Parquet column"):
        column_types(Odd, ["anything"])
