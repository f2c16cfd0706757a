"""From parsed JSON values to request bodies, by a struct where that is possible, else by pydantic. Pure.

The structs are derived from the schemas: about ten times as fast as pydantic. A struct accepts fewer bodies than its
model, and gives those the same attributes. What it does not accept is for the model, which also names the fields at
fault.

To add a field, declare it in `schemas.py`: the structs follow. Its type may be made of strings, numbers, booleans,
literals, times, UUIDs, `Any`, other bodies, lists, dictionaries and unions, with limits. A validator function that is
not in `_UNCHANGED` makes the import fail: add it there, with the type of values that it leaves as they are.
"""

import re
import types
from collections.abc import Callable, Iterator
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo

from collector.domain import schemas
from collector.domain.schemas import ExecutionBody, FeedbackBody, Scoped
from collector.domain.token_usage import as_usage
from shared.problems import Problem, printable, reason_of

M = TypeVar("M", bound=BaseModel)

MAX_LISTED_ERRORS = 20
_PLAIN_NAME = r"\A[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\Z"
_UNCHANGED: dict[Callable[..., Any], Any] = {
    schemas.check_is_text: None,
    schemas.id_text: None,
    schemas.input_or_output: None,
    as_usage: None,
    schemas.check_prompt_name: Annotated[str, msgspec.Meta(pattern=_PLAIN_NAME, max_length=128)],
}
"""Validator function → the type of values that it returns unchanged; None if those are all of its field's type."""
_LIMITS = ("min_length", "max_length", "ge", "le", "pattern")
_UNIONS = (Union, types.UnionType)
_NANOSECONDS = re.compile(r"\.[0-9]{7}")
"""A time with more digits than microseconds: msgspec rounds it, pydantic truncates it."""
_SAME = (str, int, float, bool, UUID, type(None), Any)


class OrdinaryBodies(Generic[M]):
    """Reads the ordinary ones among the bodies of a model."""

    def __init__(self, model: type[M]) -> None:
        hints = _hints(model)
        self.struct = _struct(model, top=True)
        self._times = [name for name, hint in hints.items() if _has(hint, _is_time)]
        lines = [name for name, hint in hints.items() if _has(hint, _is_line)]
        assert len(lines) > 1, "a getter of one name returns no tuple"
        self._lines = attrgetter(*lines)

    def read(self, item: object) -> M | None:
        """Return the body of a parsed JSON value, with the attributes of the model; None if it is not ordinary."""
        try:
            body: Any = msgspec.convert(item, self.struct)
        except msgspec.ValidationError:
            return None
        # No control character is printable. This is four times as fast as the patterns of the fields.
        if not "".join(filter(None, self._lines(body))).isprintable():
            return None
        for name in self._times:
            time = getattr(body, name)
            if time is not None and time.microsecond and _NANOSECONDS.search(item[name]):  # type: ignore[index]
                return None
        return cast(M, body)


def as_dict(body: BaseModel | None) -> dict[str, Any] | None:
    """Return the fields of a body, which a model or a struct may have read, as a dictionary; None for none."""
    if body is None:
        return None
    return msgspec.structs.asdict(body) if isinstance(body, msgspec.Struct) else body.model_dump()


def _hints(model: type[BaseModel]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


def _struct(model: type[BaseModel], *, top: bool = False) -> type[msgspec.Struct]:
    """Return a struct with the fields of a model; of the `top` model, what `OrdinaryBodies.read` checks is left out."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, hint in _hints(model).items():
        field, kind = model.model_fields[name], _type(hint, top=top)
        fields.append((name, kind) if field.is_required() else (name, kind, field.default))
    return msgspec.defstruct(f"Ordinary{model.__name__}", fields, kw_only=True, forbid_unknown_fields=True)


def _has(hint: Any, is_kind: Callable[[Any], bool]) -> bool:
    """Tell whether a field's type, or one of its union, is of a kind."""
    return is_kind(hint) or (get_origin(hint) in _UNIONS and any(is_kind(each) for each in get_args(hint)))


def _is_line(hint: Any) -> bool:
    return get_origin(hint) is Annotated and dict(_limits(hint.__metadata__)).get("pattern") == schemas.LINE


def _is_time(hint: Any) -> bool:
    return get_origin(hint) is Annotated and get_args(hint)[0] is AwareDatetime


def _type(hint: Any, *, top: bool = False) -> Any:
    """Return the type of a struct's field. Raises TypeError for one that is unknown here."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SAME or origin is Literal:
        return hint
    if hint is AwareDatetime and top:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _struct(hint)
    if origin is Annotated:
        return _annotated(_type(arguments[0], top=top), hint.__metadata__, top)
    if origin in _UNIONS:
        return Union[tuple(_type(each, top=top) for each in arguments)]  # noqa: UP007
    if origin in (list, dict):
        return origin[tuple(map(_type, arguments))]
    raise TypeError(f"{hint} is unknown: add it to {__name__}")


def _annotated(base: Any, metadata: tuple[Any, ...], top: bool) -> Any:
    for validator in metadata:
        if isinstance(validator, BeforeValidator | AfterValidator):
            if validator.func not in _UNCHANGED:
                raise TypeError(f"{validator.func} is unknown: add it to {__name__}")
            base = _UNCHANGED[validator.func] or base
    limits = dict(_limits(metadata))
    pattern = limits.pop("pattern", None)
    if pattern is not None and not (top and pattern == schemas.LINE):
        assert (pattern[0], pattern[-1]) == ("^", "$"), pattern
        limits["pattern"] = rf"\A{pattern[1:-1]}\Z"  # in msgspec `$` also matches before a line feed at the end
    return Annotated[base, msgspec.Meta(**limits)] if limits else base


def _limits(metadata: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for field in metadata:
        for part in field.metadata if isinstance(field, FieldInfo) else ():
            yield from ((name, getattr(part, name)) for name in _LIMITS if getattr(part, name, None) is not None)


B = TypeVar("B", bound=Scoped)

_BRANCHES = frozenset({"str", "bool", "int", "float", "[key]", "[text]", "[object]"})
"""Names of the branches of unions in the paths of errors."""
_FEEDBACK = OrdinaryBodies(FeedbackBody)
_EXECUTIONS = OrdinaryBodies(ExecutionBody)


def read_feedback(item: object) -> FeedbackBody:
    """Return the body of a feedback. Raises Problem 422, which names the invalid fields."""
    return _FEEDBACK.read(item) or validate_body(FeedbackBody, item)


def read_execution(item: object) -> ExecutionBody:
    """Return the body of an execution. Raises Problem 422, which names the invalid fields."""
    return _EXECUTIONS.read(item) or validate_body(ExecutionBody, item)


def validate_body(body_type: type[B], item: object) -> B:
    """Return `item` as a body. Raises Problem 422, which names up to 20 invalid fields."""
    try:
        body: B = body_type.__pydantic_validator__.validate_python(item)
        return body
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)[:MAX_LISTED_ERRORS]
        errors = [{"field": _path(fault["loc"]), "reason": reason_of(fault)} for fault in faults]
        detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
        raise Problem(422, "invalid", "The request is not valid", detail, errors) from None


def _path(loc: tuple[int | str, ...]) -> str:
    """Return the field's path in the body, such as `prompts[0].name`."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in _BRANCHES:
            path += f".{part}" if path else part
    return printable(path or "body")
