"""LMDB databases of deep-text-recognition-benchmark: ``image-000000001``, ``label-000000001``, ``num-samples``."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image, UnidentifiedImageError

from ocrx.data.edit.journal import rewrite
from ocrx.data.formats.layouts import LMDB_FILE, VAL_NAMES
from ocrx.data.sample import Sample
from ocrx.errors import BackendError, DataError

_IMAGES = "images"
_BATCH = 1000


def read_lmdb(root: Path, folder: Path) -> tuple[int, int]:
    """Unpack a database, or one each in ``train`` and a validation folder, into PaddleX's layout in ``folder``.

    Returns the numbers of training and validation lines. Raises DataError if there is none or it is damaged.
    """
    places = {"train": root} if (root / LMDB_FILE).is_file() else {"train": root / "train"}
    val = next((root / name for name in VAL_NAMES if (root / name / LMDB_FILE).is_file()), None)
    if val and places["train"] != root:
        places["val"] = val
    if not (places["train"] / LMDB_FILE).is_file():
        raise DataError(f"{root}: no LMDB database ({LMDB_FILE})")
    files, counts = {}, {"train": 0, "val": 0}
    for part, place in places.items():
        lines = []
        for number, data, text in _entries(place):
            if "\n" in text:
                raise DataError(
                    f"{place}: label-{number:09} holds a line end", hint="mend it in the source of the database"
                )
            name = f"{_IMAGES}/{part}_{number:09}{_suffix(data)}"
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            lines.append(f"{name}\t{text}\n")
        files[f"{part}.txt"] = "".join(lines).encode()
        counts[part] = len(lines)
    rewrite(folder, files)
    return counts["train"], counts["val"]


def write_lmdb(folder: Path, samples: Sequence[Sample]) -> None:
    """Write a database of the encoded images as they are and the labels in UTF-8."""
    folder.mkdir(parents=True, exist_ok=True)
    size = sum(sample.image.stat().st_size + 8192 for sample in samples if sample.image.is_file())
    with _lmdb().open(str(folder), map_size=2 * size + (64 << 20)) as environment:
        for start in range(0, len(samples), _BATCH):
            with environment.begin(write=True) as transaction:
                for number, sample in enumerate(samples[start : start + _BATCH], start=start + 1):
                    try:
                        data = sample.image.read_bytes()
                    except OSError as error:
                        raise DataError(f"{sample.source}: {sample.image}: {error.strerror}") from None
                    transaction.put(b"image-%09d" % number, data)
                    transaction.put(b"label-%09d" % number, sample.text.encode())
        with environment.begin(write=True) as transaction:
            transaction.put(b"num-samples", str(len(samples)).encode())
    (folder / "lock.mdb").unlink(missing_ok=True)


def _entries(folder: Path) -> Iterator[tuple[int, bytes, str]]:
    lmdb = _lmdb()
    try:
        with (
            lmdb.open(str(folder), readonly=True, lock=False, readahead=False) as environment,
            environment.begin() as transaction,
        ):
            count = int(_get(transaction, b"num-samples", folder))
            for number in range(1, count + 1):
                data = _get(transaction, b"image-%09d" % number, folder)
                label = _get(transaction, b"label-%09d" % number, folder)
                yield number, data, label.decode("utf-8")
    except (lmdb.Error, ValueError) as error:
        raise DataError(f"{folder}: damaged database ({error})") from None


def _get(transaction: Any, key: bytes, folder: Path) -> bytes:
    value = transaction.get(key)
    if value is None:
        raise DataError(f"{folder}: {key.decode()} is missing", hint="expected deep-text-recognition-benchmark's keys")
    return bytes(value)


def _suffix(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return {"JPEG": ".jpg", "TIFF": ".tif"}.get(image.format or "", f".{(image.format or 'png').lower()}")
    except (UnidentifiedImageError, OSError, ValueError):
        return ".png"


def _lmdb() -> ModuleType:
    try:
        import lmdb
    except ImportError:
        raise BackendError("LMDB needs the package lmdb", hint="pip install 'ocrx[lmdb]'") from None
    module: ModuleType = lmdb
    return module
