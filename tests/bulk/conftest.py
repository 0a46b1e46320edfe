"""Object stores that are imitated here."""

from __future__ import annotations

from collections.abc import Iterator

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

S3 = "s3://results"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """An imitated S3 in this process."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket."""
    import s3fs

    for name, value in (
        ("AWS_ENDPOINT_URL", s3_server),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    system.mkdir("results")
    yield S3
    system.rm("results", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


class PlainFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Has no requests that fail if a file exists, as Arrow's HDFS has none."""

    protocol = "plain"
    pipe_file = fsspec.AbstractFileSystem.pipe_file


@pytest.fixture
def plain() -> Iterator[str]:
    """The address of a file system without conditional requests."""
    fsspec.register_implementation("plain", PlainFileSystem, clobber=True)
    yield "plain://results"
    PlainFileSystem.store.clear()


@pytest.fixture
def memory() -> Iterator[str]:
    """The address of fsspec's file system in memory."""
    yield "memory://results"
    fsspec.filesystem("memory").store.clear()
    fsspec.filesystem("memory").pseudo_dirs[:] = [""]
