"""Where archived files are stored: a folder and a bucket behave alike."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from collector.storage.archive.local_files import LocalFiles
from collector.storage.archive.object_store import ObjectStore, open_store

NAME = "executions/project=a%2Fb%20c/day=2026-11-01/0b4c.parquet"


@pytest.fixture(scope="module")
def bucket_server() -> Iterator[str]:
    """Address of a server with S3's protocol and the bucket `archive`."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_REGION", "us-east-1")
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="archive")
        yield url
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Each kind of storage, empty."""
    if request.param == "folder":
        return open_store(str(tmp_path / "files"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("bucket_server"))
    return open_store(f"s3://archive/{tmp_path.name}")


async def test_file_is_stored_listed_fetched_and_deleted(store: ObjectStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000  # 10 MB: several parts
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(content)
    store.put(NAME, source)
    (found,) = store.list_objects()
    assert found.name == NAME
    assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=5)
    store.fetch(NAME, copy)
    assert copy.read_bytes() == content
    (path,) = await LocalFiles(store, tmp_path / "work", 1).fetch_all([NAME])
    assert path.read_bytes() == content
    store.delete(NAME)
    store.delete(NAME)
    assert list(store.list_objects()) == []
    with pytest.raises(FileNotFoundError):
        store.fetch(NAME, copy)


async def test_copies_are_bounded(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 1000)
    names = [f"executions/{number}.parquet" for number in range(5)]
    for name in names:
        store.put(name, source)
    local = LocalFiles(store, tmp_path / "work", 2500)
    for name in names:
        (path,) = await local.fetch_all([name])
        assert path.read_bytes() == b"x" * 1000
    copies = list((tmp_path / "work").rglob("*.parquet"))
    assert len(copies) == (0 if store.path("a") else 2)
    with pytest.raises(FileNotFoundError):
        await local.fetch_all(["executions/none.parquet"])
