"""Writes corrected texts back to the PPOCRLabel or Label Studio files that the lines were cut from.

Only the texts of corrected lines change, everything else stays. A text that was also edited in the annotation file is
not overwritten but listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ocrx.data.edit.cut_lines import REGIONS_FILE
from ocrx.data.edit.journal import backup, is_inside, replace_files
from ocrx.data.formats.label_studio import region_results
from ocrx.data.formats.layouts import REVIEW_DIR, UNREADABLE_FILE, read_dataset
from ocrx.data.formats.ppocrlabel import LABEL_FILE, UNREADABLE_TEXT
from ocrx.data.formats.regions import SkippedRegion
from ocrx.data.sample import relative_name
from ocrx.errors import DataError
from ocrx.files import parse_json, read_json, read_lines, read_text, to_json, write_file

_UNREADABLE_BOX = {"transcription": UNREADABLE_TEXT, "difficult": True}


@dataclass(frozen=True)
class WriteBackReport:
    """The corrections that were written back.

    Attributes:
        changed: Number of changed texts.
        unreadable: Number of regions marked as unreadable.
        left_out: Corrections that were not written, with the reason.
        backups: Backup of each changed file, by file name.
    """

    changed: int
    unreadable: int
    left_out: tuple[SkippedRegion, ...]
    backups: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
        """
        return asdict(self)


@dataclass(frozen=True)
class _Correction:
    """A region (``Label.txt:3: box 5``), its text when it was cut, and its text now; None if it is unreadable."""

    source: str
    before: str
    after: str | None

    @property
    def file(self) -> str:
        return self.source.partition(":")[0]


_Rewritten = tuple[str, list[_Correction], list[SkippedRegion]]
"""The new content of a file, the corrections made in it, and those that were not possible."""


def write_back(lines: Path, pages: Path) -> WriteBackReport:
    """Write corrections back.

    Args:
        lines: The dataset that ``check-dataset --convert-from`` cut from ``pages``, corrected since.
        pages: Folder with the annotation files; the originals are kept as ``.bak``.

    Returns:
        The report.

    Raises:
        DataError: If ``lines`` was not cut out of pages, or an annotation file is missing or damaged.
    """
    regions = _read_regions(lines / REGIONS_FILE)
    corrections = list(_corrections(lines, regions))
    files: dict[str, bytes] = {}
    done: list[_Correction] = []
    left_out: list[SkippedRegion] = []

    for name in sorted({one.file for one in corrections}):
        path = pages / name
        of_file = {one.source: one for one in corrections if one.file == name}
        rewrite = _rewrite_ppocrlabel if path.name == LABEL_FILE else _rewrite_label_studio
        if path.name != LABEL_FILE and path.suffix != ".json":
            reason = "not a file of PPOCRLabel or Label Studio; other formats cannot be changed"
            left_out += [SkippedRegion(source, reason) for source in of_file]
            continue
        content, written, refused = rewrite(path, of_file)
        done += written
        left_out += refused
        if written:
            files[name] = content.encode()

    backups = {name: relative_name(backup(pages / name), pages) for name in files}
    replace_files(pages, files)
    _update_regions(lines / REGIONS_FILE, regions, done)
    unreadable = sum(one.after is None for one in done)
    return WriteBackReport(len(done) - unreadable, unreadable, tuple(left_out), backups)


def _read_regions(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        hint = "cut them with ocrx check-dataset PAGES --convert-from ppocrlabel or labelstudio"
        raise DataError(f"{path}: missing; the lines were not cut from annotated pages", hint=hint)
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        region = parse_json(line, f"{path}:{number}")
        fields = [region.get(name) for name in ("image", "source", "text")] if isinstance(region, dict) else [None]
        if not all(isinstance(field, str) for field in fields) or not is_inside(str(fields[1]).partition(":")[0]):
            raise DataError(f"{path}:{number}: damaged; expected image, source and text of a region")
        found.append(region)
    return found


def _corrections(lines: Path, regions: Sequence[Mapping[str, Any]]) -> Iterator[_Correction]:
    # A conversion to another layout may have moved the images, but it keeps their numbered names.
    texts = {sample.image.name: sample.text for sample in read_dataset(lines).samples}
    listed = lines / REVIEW_DIR / UNREADABLE_FILE
    rows = read_lines(listed) if listed.is_file() else []
    unreadable = {PurePosixPath(row.partition("\t")[0]).name for row in rows}

    for region in regions:
        name, before = PurePosixPath(region["image"]).name, region["text"]
        if name in unreadable and name not in texts:
            yield _Correction(region["source"], before, None)
        elif texts.get(name, before) != before:
            yield _Correction(region["source"], before, texts[name])


def _rewrite_ppocrlabel(path: Path, corrections: Mapping[str, _Correction]) -> _Rewritten:
    rows = read_text(path).split("\n")
    attempts = _Attempts(corrections)
    for source, one in corrections.items():
        with attempts.of(source):
            number, index = (int(part.rpartition(" ")[2].rpartition(":")[2]) for part in source.split(": "))
            name, tab, written = rows[number - 1].partition("\t")
            boxes = json.loads(written)
            box = boxes[index - 1] if isinstance(boxes, list) else boxes
            attempts.check(one, box["transcription"])
            changed = {"transcription": one.after} if one.after is not None else _UNREADABLE_BOX
            box.update(changed)
            rows[number - 1] = f"{name}{tab}{to_json(boxes)}"
    return "\n".join(rows), attempts.done, attempts.left_out


def _rewrite_label_studio(path: Path, corrections: Mapping[str, _Correction]) -> _Rewritten:
    tasks = read_json(path)
    attempts = _Attempts(corrections)
    results = region_results(tasks, path.name)
    for source, one in corrections.items():
        with attempts.of(source):
            value = next(value for value in results[source] if "text" in value)
            text = value["text"]
            attempts.check(one, text if isinstance(text, str) else "\n".join(text))
            value["text"] = (one.after or "") if isinstance(text, str) else [one.after or ""]
    indent = 2 if "\n" in read_text(path).strip() else None
    return to_json(tasks, indent=indent) + "\n", attempts.done, attempts.left_out


class _Attempts:
    """Records which corrections of a file succeed, and why the others fail."""

    def __init__(self, corrections: Mapping[str, _Correction]) -> None:
        self._corrections = corrections
        self.done: list[_Correction] = []
        self.left_out: list[SkippedRegion] = []

    @contextmanager
    def of(self, source: str) -> Iterator[None]:
        """Record whether the block succeeds for a region."""
        try:
            yield
        except DataError as error:
            self.left_out.append(SkippedRegion(source, error.message))
        except (LookupError, StopIteration, ValueError, TypeError, AttributeError):
            self.left_out.append(SkippedRegion(source, "the region no longer exists"))
        else:
            self.done.append(self._corrections[source])

    @staticmethod
    def check(one: _Correction, written: object) -> None:
        """Raise DataError if the text in the file is no longer the one that was cut."""
        if not isinstance(written, str) or written.strip("\r\n") not in (one.before, one.after):
            raise DataError(f"its text was changed to {written!r:.60} in the annotations")


def _update_regions(path: Path, regions: Sequence[dict[str, Any]], done: Sequence[_Correction]) -> None:
    """Record the new texts, so that later corrections start from them."""
    texts = {one.source: one.after for one in done if one.after is not None}
    rows = [{**region, "text": texts.get(region["source"], region["text"])} for region in regions]
    write_file(path, "".join(to_json(row) + "\n" for row in rows))
