"""Inputs of the vectors that clients in several languages share: JSON values that all of them can express."""

from typing import Any

JSON_TEXTS = (
    "null", "true", "[]", "{}", '""', "0", "-0", "1.0", "0.1", "-1.5", "1e21", "1e-7", "123456789012345680000",
    "5e-324", "1.7976931348623157e308", "9007199254740991", "333333333.33333329", "4.50", "2e-3", "1E30", "0.000001",
    '"\\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"', '"\\u007f\\u2028\\u2029\\u0080"', '"\\ud83d\\ude00"', '"e\\u0301"',
    '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}',
    '{"10":1,"9":2,"a":{"z":1,"b":[3,2,1]},"A":null,"":0}', '{"__proto__":{"a":1},"constructor":2,"toString":"x"}',
    '"\\u0000"', '"\\ud800"', '{"\\udfff":1}', "[" * 18 + "]" * 18, '{"a":[1,{"b":"\\u0000"}]}', "1e999",
)  # fmt: skip

NAMES: tuple[Any, ...] = (
    "a", "answer/short", "A b", "cafe\u0301", "x" * 128, "\U0001f600" * 128, "\U0001f469\u200d\U0001f4bb",
    "1\ufe0f\u20e3", "\u0627\u0644",
    "", "x" * 129, "a,b", " a", "a ", "a/", "/a", "a//b", "a/../b", ".", "a\tb", "a\nb", "a\u00a0b",
    "a\u200bb", "a\u202eb",
    "\u2800", "\ufeff", "a\u00adb", "\ue000", "\0", None, 7, "\u3000", "\U000e0041", "a\u2028b", "\u061c",
)  # fmt: skip

EXECUTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"target": 17},
    {"target": ["a"]},
    {
        "input": "Hi",
        "output": "Hello \u20ac",
        "model": "m",
        "user": 17,
        "session": "s",
        "trace_id": "t",
        "parent_id": "p",
    },
    {"input": [{"role": "user", "content": "Hi"}], "output": {"content": "x", "n": [1, 2.5, None]}},
    {"input": 5, "output": True, "user": "", "session": None, "arm": "base", "outcome": "timeout"},
    {"input": "a\0b\ud800c", "attributes": {"k\0": "v\0"}},
    {"cost": 0.25, "latency_ms": 12},
    {"cost": "0.5", "latency_ms": " 7 "},
    {"cost": -1, "latency_ms": True},
    {"cost": "free", "latency_ms": [1]},
    {"attributes": {"a": "x", "b": 2, "c": False, "d": None, "e": {"f": [1, "\u00e9"]}, "g": [1, 2]}},
    {"attributes": ["a"], "parameters": "x", "scores": 3},
    {"scores": {"a": 1, "b": "x", "c": None, "d": "0.5", "e": True, "f": [1]}},
    {"parameters": {"temperature": 0.5, "stop": ["a"], "seed": 7}},
    {"contexts": [{"page_content": "p", "text": "t"}, "plain", {"text": "t"}, {"content": "c"}, 3, {"other": 1}, None]},
    {"contexts": "one"},
    {"tools": [{"name": "a"}, {"function": {"name": "b"}}, "c", {}, None, 3.5]},
    {"tools": {"name": "single"}},
    {"usage": {"prompt_tokens": 3, "completion_tokens": 0, "details": {"x": 1}, "ratio": 1.5, "bad": -1, "text": "5"}},
    {"usage": {"details": {}}},
    {"consent": {"quality": True, "learning": None}},
    {"consent": {}},
    {"consent": {"quality": "yes"}},
    {"consent": {"marketing": True}},
    {"consent": True},
    {"prompts": ["name", {"name": "labelled", "version": 2, "digest": ""}, {"digest": "x"}, None, {"name": 5}, 7]},
    {"model": 1.5, "arm": {}, "unknown": 1, "user": 1.5},
)

FEEDBACK: tuple[dict[str, Any], ...] = (
    {"execution_id": "e1", "kind": "thumb", "value": True},
    {"execution_id": "e1", "kind": "thumb", "value": 1},
    {"execution_id": "e1", "kind": "thumb", "value": -1},
    {"execution_id": "e1", "kind": "thumb", "value": 0},
    {"execution_id": "e1", "kind": "thumb", "value": "up"},
    {"execution_id": 17, "kind": "rating", "value": "4"},
    {"execution_id": "e1", "kind": "rating", "value": 4.5},
    {"trace_id": "t1", "kind": "score", "value": 0.25, "name": "relevance", "source": "implicit"},
    {"execution_id": "e1", "kind": "score", "value": "high"},
    {"execution_id": "e1", "kind": "score", "value": [1]},
    {"execution_id": "e1", "kind": "label", "value": 7},
    {"execution_id": "e1", "kind": "label", "value": None},
    {"execution_id": "e1", "kind": "comment", "value": "a\0b", "user": "ann", "consent": {"learning": True}},
    {"execution_id": "e1", "kind": "correction", "value": {"answer": ["x"]}},
    {"execution_id": {}, "kind": "thumb", "value": True},
    {"kind": "other", "value": {"a": 1}},
    {"execution_id": "e1", "kind": "thumb", "value": False, "user": [], "consent": 3, "colour": "red"},
)

FEEDBACK_IDS = (
    "thumb-17", "17", "\u00e9", "x" * 200,
    "01890a5d-ac96-774b-bcce-b302099a8057", "01890A5D-AC96-774B-BCCE-B302099A8057",
)  # fmt: skip

VARIABLES: dict[str, tuple[Any, ...]] = {
    "string": (
        "a {{x}}",
        "",
        None,
        5,
        0.5,
        True,
        [1, "\u00e9", {"b": 1, "a": None}],
        {"b": 2, "a": 1},
        "a\0",
        "\ud800",
    ),
    "number": (
        5,
        -0.5,
        "5",
        " 7 ",
        "+3",
        "0.5",
        "1e3",
        ".5",
        "abc",
        "",
        "5 apples",
        "1,5",
        True,
        None,
        [1],
        "inf",
        "nan",
    ),
    "boolean": (True, False, "true", " FALSE ", "yes", 1, None, []),
    "list": ([], [1, 2.5, "a", None, {"b": [True]}], "a", None, {"a": 1}, ["\0"]),
    "messages": ([], [{"role": "user", "content": "hi", "extra": 1}], ["text"], None, "text", {}),
}

_EXECUTION = {
    "id": "i", "target": "bot", "cost": -1, "attributes": {"a": 1, "b c": 2}, "consent": {"learning": True},
    "prompts": [{"name": "p"}, {"name": "q"}], "tools": ["a", "b"],
}  # fmt: skip
_FEEDBACK = {"id": "i", "execution_id": "e", "kind": "thumb", "value": True, "user": "u"}

AMENDMENTS: tuple[tuple[Any, dict[str, Any], list[str]], ...] = (
    ("executions", _EXECUTION, ["cost"]),
    ("executions", _EXECUTION, ["[0].cost", "attributes.b c"]),
    ("executions", _EXECUTION, ["attributes.zz", "tools[1]", "tools[0]"]),
    ("executions", _EXECUTION, ["prompts[0].digest"]),
    ("executions", _EXECUTION, ["consent.learning"]),
    ("executions", {**_EXECUTION, "consent": {"quality": False, "learning": False}}, ["consent"]),
    ("executions", _EXECUTION, ["target"]),
    ("executions", _EXECUTION, ["cost", "id"]),
    ("executions", _EXECUTION, ["latency_ms"]),
    ("executions", _EXECUTION, ["body"]),
    ("executions", _EXECUTION, ["Cost"]),
    ("executions", _EXECUTION, []),
    ("feedback", _FEEDBACK, ["user"]),
    ("feedback", _FEEDBACK, ["value"]),
    ("feedback", _FEEDBACK, ["execution_id"]),
)

_KEPT = {"status": "accepted", "id": "i"}
_BAD_COST = {"status": 422, "detail": "cost: no", "errors": [{"field": "cost", "reason": "no"}]}
_BAD_TARGET = {"status": 422, "title": "Invalid", "errors": [{"field": "target"}, 3, {"field": 5}]}

RESPONSES: tuple[tuple[Any, ...], ...] = (
    (200, {}, {"results": [_KEPT, {"status": "duplicate"}]}),
    (207, {}, {"results": [_KEPT, {"status": "refused", "problem": _BAD_TARGET}]}),
    (207, {}, {"results": [{"status": "refused", "problem": _BAD_COST}, {"status": "failed"}]}),
    (207, {}, {"results": [{"status": "refused", "problem": {"status": 503}}, {"problem": "x"}]}),
    (200, {}, {"results": ["x", None]}),
    (200, {}, {"results": [_KEPT]}),
    (200, {}, "<html>"),
    (422, {}, {"results": [{"status": "refused", "problem": _BAD_TARGET}] * 2}),
    (422, {}, {"title": "all"}),
    (422, {}, {"title": "all"}, 1),
    (422, {}, _BAD_COST, 1),
    (413, {}, "", 1),
    (400, {}, "[]"),
    (409, {}, {"detail": "conflict"}, 1),
    (415, {}, {}),
    (401, {}, {}),
    (403, {}, {}),
    (404, {}, "<html>"),
    (302, {}, ""),
    (429, {"retry-after": "7"}, {}),
    (503, {"retry-after": "100000"}, {}),
    (503, {"retry-after": "soon"}, {}),
    (500, {"retry-after": "-1"}, {}),
    (418, {}, {}),
)
