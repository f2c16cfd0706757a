"""Archived files in a bucket with S3's protocol."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from collector.storage.archive.object_store import StoredObject


class Bucket:
    """Files below a prefix of a bucket: `s3://bucket/prefix`.

    Address and credentials are read from the standard variables: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, or the role of the machine.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            client_options={"timeout": "60s", "allow_http": True},
            retry_config={"max_retries": 3},
        )

    def put(self, name: str, source: Path) -> None:
        with _storage_errors():
            obstore.put(self._store, name, source)

    def fetch(self, name: str, target: Path) -> None:
        with _storage_errors(), target.open("wb") as file:
            for chunk in obstore.get(self._store, name).stream():
                file.write(chunk)

    def path(self, name: str) -> Path | None:
        return None

    def delete(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), _storage_errors():
            obstore.delete(self._store, name)

    def list_objects(self) -> Iterator[StoredObject]:
        with _storage_errors():
            for page in obstore.list(self._store):
                for found in page:
                    yield StoredObject(found["path"], found["last_modified"])


@contextlib.contextmanager
def _storage_errors() -> Iterator[None]:
    """Raise the library's errors as OSErrors."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        raise FileNotFoundError(str(error)) from error
    except BaseError as error:
        raise OSError(str(error)) from error
