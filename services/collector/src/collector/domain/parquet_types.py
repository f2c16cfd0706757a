"""Types of Parquet columns, derived from the models of responses. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

ColumnType: TypeAlias = "str | dict[str, Any]"
"""`text`, `integer`, `number`, `boolean` or `time`; or `{"list": type}`, `{"map": type}`, whose keys are texts, or
`{"struct": {name: type}}`. JSON can hold it."""

_PLAIN: Mapping[Any, str] = {
    str: "text", UUID: "text", int: "integer", float: "number", bool: "boolean", datetime: "time"
}  # fmt: skip


def column_types(model: type[BaseModel], names: Sequence[str]) -> dict[str, ColumnType]:
    """Return the types of a model's fields, in the order of `names`. Raises TypeError for one without a column type."""
    return {name: _type(model.model_fields[name].annotation) for name in names}


def _type(annotation: Any) -> ColumnType:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "text"
    if origin in (Union, UnionType):
        (only,) = (argument for argument in arguments if argument is not NoneType)
        return _type(only)
    if origin in (list, tuple):
        return {"list": _type(arguments[0])}
    if origin is dict and arguments[0] is str:
        return {"map": _type(arguments[1])}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {"struct": column_types(annotation, list(annotation.model_fields))}
    raise TypeError(f"{annotation} has no type of a Parquet column")
