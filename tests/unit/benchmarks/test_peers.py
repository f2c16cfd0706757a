"""The loads on peers have the same content, and a peer that cannot be installed is skipped with a reason."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ingest_cost import Cost
from benchmarks.ingest_load import Figure
from benchmarks.peers import installation, load
from benchmarks.peers.__main__ import Call, Results, table_rows
from benchmarks.peers.installation import Peer, install


def body(request: bytes) -> Any:
    head, _, content = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(content)}".encode() in head.split(b"\r\n")
    return json.loads(content)


def test_each_product_gets_the_same_comments_of_the_same_users() -> None:
    ids = [f"id-{number}" for number in range(1000)]
    ours = [body(each) for each in islice(load.ratchet_feedback("k"), 3)]
    mlflow = [body(each)["assessment"] for each in islice(load.mlflow_feedback(ids), 3)]
    phoenix = [body(each)["data"][0] for each in islice(load.phoenix_feedback(ids), 3)]
    texts = [each["value"] for each in ours]
    assert all(len(text) == 200 for text in texts)
    assert texts == [each["feedback"]["value"] for each in mlflow] == [e["result"]["explanation"] for e in phoenix]
    users = [each["user"] for each in ours]
    assert users == [each["source"]["source_id"] for each in mlflow] == [each["identifier"] for each in phoenix]


def test_arrays_have_their_size_and_no_item_twice() -> None:
    ours = [item for each in islice(load.ratchet_feedback("k", 100), 2) for item in body(each)]
    theirs = [item for each in islice(load.phoenix_feedback(["a"], 100), 2) for item in body(each)["data"]]
    assert len({item["user"] for item in ours}) == len({item["identifier"] for item in theirs}) == 200


def test_each_trace_has_an_id_of_its_own() -> None:
    trace_id = bytes(range(16))
    made = list(islice(load.otlp_traces(b"<" + trace_id + b"|" + trace_id[:8] + b">", trace_id), 2))
    contents = [each.partition(b"\r\n\r\n")[2] for each in made]
    assert contents[0] != contents[1]
    assert all(each[1:9] == each[18:26] != trace_id[:8] for each in contents)


def test_a_peer_that_cannot_be_installed_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_FOLDER", tmp_path)
    peer = Peer("nothing", "1", (str(tmp_path / "missing"),))
    assert install(peer)
    assert not (peer.folder / ".installed").exists()


def test_rows_name_the_peer_and_its_version() -> None:
    figure = Figure(100.0, 1.0, 2.0, 0, Cost(90.0, 50.0, 1000.0))
    slow = Figure(10.0, 1.0, 2.0, 0, Cost(900.0, 500.0, 1000.0))
    loads = {("ratchet", "feedback"): figure, ("mlflow", "feedback"): slow}
    calls = {"ratchet": Call(6.0, 7.0, 20.0), "langfuse": Call(60.0, 70.0, 80.0)}
    rows = table_rows(Results(loads, calls, {}))
    assert [(row.unit, row.ours, row.peer) for row in rows] == [
        ("items/s", 100.0, 10.0),
        ("µs", 140.0, 1400.0),
        ("µs", 6.0, 60.0),
    ]
    assert {row.peer_name for row in rows} == {"mlflow 3.17.2", "langfuse 5.0.4"}
