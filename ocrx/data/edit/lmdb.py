"""Reads and writes LMDB databases of deep-text-recognition-benchmark.

Their keys are ``image-000000001``, ``label-000000001`` and ``num-samples``. A database is read in a separate process:
LMDB maps the file into memory, so reading a truncated file crashes the process.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

from ocrx.data.edit.journal import replace_files
from ocrx.data.edit.list_writer import list_line
from ocrx.data.formats.layouts import LMDB_FILE, VAL_NAMES
from ocrx.data.sample import Sample
from ocrx.errors import BackendError, DataError
from ocrx.files import read_bytes
from ocrx.imaging.reading import MAX_IMAGE_BYTES

_IMAGE_FOLDER = "images"
_PER_TRANSACTION = 1000
_SUFFIXES = {
    "PNG": ".png", "JPEG": ".jpg", "BMP": ".bmp", "TIFF": ".tif", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif",
}  # fmt: skip


def read_lmdb(root: Path, folder: Path) -> tuple[int, int]:
    """Unpack a database, or one each in ``train`` and a validation folder, into PaddleX's layout.

    Args:
        root: Folder of the database, or of both.
        folder: Folder that images and lists are written to.

    Returns:
        The numbers of training and validation lines.

    Raises:
        DataError: If there is no database or it is damaged.
        BackendError: If the package lmdb is missing.
    """
    _import_lmdb()
    databases = {"train": root} if (root / LMDB_FILE).is_file() else {"train": root / "train"}
    val = next((root / name for name in VAL_NAMES if (root / name / LMDB_FILE).is_file()), None)
    if val and databases["train"] != root:
        databases["val"] = val
    if not (databases["train"] / LMDB_FILE).is_file():
        raise DataError(f"{root}: no LMDB database ({LMDB_FILE})")

    files, counts = {}, {"train": 0, "val": 0}
    for part, database in databases.items():
        lines = _unpack_in_process(database, folder, part)
        files[f"{part}.txt"] = "".join(lines).encode()
        counts[part] = len(lines)
    replace_files(folder, files)
    return counts["train"], counts["val"]


def write_lmdb(folder: Path, samples: Sequence[Sample]) -> None:
    """Write a database with unmodified image files and labels in UTF-8.

    Args:
        folder: Folder of the new database.
        samples: The lines.

    Raises:
        DataError: If an image cannot be read.
        BackendError: If the package lmdb is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = sum(sample.image.stat().st_size + 8192 for sample in samples if sample.image.is_file())
    with _import_lmdb().open(str(folder), map_size=2 * size + (64 << 20)) as environment:
        for start in range(0, len(samples), _PER_TRANSACTION):
            with environment.begin(write=True) as transaction:
                for number, sample in enumerate(samples[start : start + _PER_TRANSACTION], start=start + 1):
                    transaction.put(b"image-%09d" % number, _image_bytes(sample))
                    transaction.put(b"label-%09d" % number, sample.text.encode())
        with environment.begin(write=True) as transaction:
            transaction.put(b"num-samples", str(len(samples)).encode())
    (folder / "lock.mdb").unlink(missing_ok=True)


def _image_bytes(sample: Sample) -> bytes:
    return read_bytes(sample.image, max_bytes=MAX_IMAGE_BYTES, name=f"{sample.source}: {sample.image}")


def _unpack_in_process(database: Path, folder: Path, part: str) -> list[str]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_unpack, database, folder, part).result()
        except BrokenProcessPool:
            raise DataError(f"{database}: damaged database (reading it crashed the process)") from None


def _unpack(database: Path, folder: Path, part: str) -> list[str]:
    """Write the images of a database to ``folder/images``; returns the lines of its list."""
    lines: list[str] = []
    (folder / _IMAGE_FOLDER).mkdir(parents=True, exist_ok=True)
    for number, data, text in _entries(database):
        name = f"{_IMAGE_FOLDER}/{part}_{number:09}{_suffix(data)}"
        lines.append(list_line(name, Sample(folder / name, text, f"{database}: label-{number:09}")))
        (folder / name).write_bytes(data)
    return lines


def _entries(database: Path) -> Iterator[tuple[int, bytes, str]]:
    """Yield number, encoded image and label of every line."""
    lmdb = _import_lmdb()
    try:
        with (
            lmdb.open(str(database), readonly=True, lock=False, readahead=False) as environment,
            environment.begin() as transaction,
        ):
            count = int(_value(transaction, b"num-samples", database))

            for number in range(1, count + 1):
                data = _value(transaction, b"image-%09d" % number, database)
                label = _value(transaction, b"label-%09d" % number, database)
                yield number, data, label.decode("utf-8")
    except (lmdb.Error, ValueError) as error:
        raise DataError(f"{database}: damaged database ({error})") from None


def _value(transaction: Any, key: bytes, database: Path) -> bytes:
    value = transaction.get(key)
    if value is None:
        raise DataError(f"{database}: {key.decode()} is missing; expected deep-text-recognition-benchmark's keys")
    return bytes(value)


def _suffix(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data), formats=tuple(_SUFFIXES)) as image:
            return _SUFFIXES.get(image.format or "", ".png")
    except Exception:  # damaged images are unpacked unchanged; the checks report them
        return ".png"


def _import_lmdb() -> ModuleType:
    try:
        import lmdb
    except ImportError:
        raise BackendError("LMDB needs the package lmdb", hint="pip install 'ocrx[lmdb]'") from None
    module: ModuleType = lmdb
    return module
