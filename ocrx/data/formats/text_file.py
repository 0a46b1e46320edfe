"""Reads hand-made text files and reports byte order marks, line endings and wrong encodings.

Label files must be UTF-8. A file in another encoding is an error that names the likely one. It is decoded anyway, so
that one pass finds its other problems, too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ocrx.files import read_bytes
from ocrx.results import Issue

MAX_BYTES = 1 << 30
"""Larger label files are rejected; a file of a million lines has about 50 MB."""

_HIGH_BYTE_RUNS = re.compile(rb"[\x80-\xff]+")
_GUESS_FROM = 1_000_000
_BOM_ISSUE = (
    "starts with a byte order mark, which other tools read as part of the first path",
    "save as UTF-8 without BOM, or use --fix",
)


@dataclass(frozen=True)
class TextFile:
    """A decoded text file.

    Attributes:
        name: Name of the file in issues.
        text: Its content with the original line endings.
        issues: Problems with encoding and line endings.
        undecodable: Numbers of the lines that could not be decoded.
    """

    name: str
    text: str
    issues: tuple[Issue, ...]
    undecodable: frozenset[int] = frozenset()

    def lines(self) -> Iterator[tuple[int, str]]:
        """Split the text at LF and CRLF; a final LF does not start another line.

        Yields:
            Line numbers, from 1, and lines without line endings; undecodable lines are skipped.
        """
        start, number, size = 0, 0, len(self.text)
        while start < size:
            end = self.text.find("\n", start)
            stop = size if end < 0 else end
            number += 1
            if number not in self.undecodable:
                cut = stop - 1 if stop > start and self.text[stop - 1] == "\r" else stop
                yield number, self.text[start:cut]
            start = stop + 1


def read_text(path: Path, name: str) -> TextFile:
    """Read and decode a text file.

    Args:
        path: The file.
        name: Name of the file in issues.

    Returns:
        The text and the problems found.

    Raises:
        DataError: If the file is missing, not a regular file, larger than ``MAX_BYTES`` or cannot be opened.
    """
    data = read_bytes(path, max_bytes=MAX_BYTES)
    issues: list[Issue] = []
    undecodable: frozenset[int] = frozenset()
    wide = _utf16_codec(data)
    if wide:
        text = data.decode(wide, errors="replace").removeprefix("\ufeff")
        issues.append(_encoding_issue(name, "UTF-16", 1))
    else:
        if data.startswith(codecs.BOM_UTF8):
            data = data[len(codecs.BOM_UTF8) :]
            issues.append(Issue("warning", "bom", f"{name}:1", *_BOM_ISSUE))
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            text, undecodable, found = _decode_other(data, name, error)
            issues += found

    issues += _line_end_issues(text, name)
    return TextFile(name, text, tuple(issues), undecodable)


def _line_end_issues(text: str, name: str) -> list[Issue]:
    issues = []
    crlf = text.find("\r\n")
    if crlf >= 0:
        where = f"{name}:{text.count(chr(10), 0, crlf) + 1}"
        message = f"{text.count(chr(13) + chr(10))} lines end with CRLF, which other tools read as part of the label"
        issues.append(Issue("warning", "crlf", where, message, "use LF line endings, or --fix"))
    elif "\r" in text and "\n" not in text:
        message = "lines end with CR only, so the whole file is one line"
        issues.append(Issue("error", "crlf", f"{name}:1", message, "use LF line endings"))

    if text and not text.endswith("\n"):
        message = "no newline at the end; a line appended later would run into the last one"
        where = f"{name}:{text.count(chr(10)) + 1}"
        issues.append(Issue("info", "no-final-newline", where, message, "end the file with a newline, or use --fix"))
    return issues


def _utf16_codec(data: bytes) -> str | None:
    """Detect UTF-16 by its byte order mark or many NUL bytes; None for other data."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = data[:4000]
    if len(head) >= 4 and head.count(0) >= len(head) / 5:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    return None


def _decode_other(data: bytes, name: str, error: UnicodeDecodeError) -> tuple[str, frozenset[int], list[Issue]]:
    """Decode data that is not UTF-8 by the best guess; if most lines are UTF-8, only the bad ones are dropped."""
    bad: list[int] = []
    good = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            good += 1
        except UnicodeDecodeError:
            bad.append(number)

    if good >= len(bad):
        text = data.decode("utf-8", errors="replace")
        message = "not UTF-8, although the rest of the file is; the line is skipped"
        hint = "rewrite the line in UTF-8"
        return text, frozenset(bad), [Issue("error", "encoding", f"{name}:{n}", message, hint) for n in bad]

    first = data.count(b"\n", 0, error.start) + 1
    if _looks_like_gbk(data):
        return data.decode("gb18030", errors="replace"), frozenset(), [_encoding_issue(name, "GBK", first)]
    return data.decode("latin-1"), frozenset(), [_encoding_issue(name, "Latin-1", first)]


def _looks_like_gbk(data: bytes) -> bool:
    """Whether runs of high bytes mostly have even length: in double-byte text they do, in single-byte text not."""
    runs = [len(run) for run in _HIGH_BYTE_RUNS.findall(data[:_GUESS_FROM])]
    if not runs or sum(length % 2 == 0 for length in runs) < 0.8 * len(runs):
        return False
    text = data.decode("gb18030", errors="replace")
    return text.count("\ufffd") <= len(runs) / 100


def _encoding_issue(name: str, guess: str, line: int) -> Issue:
    single = " (or another single-byte encoding)" if guess == "Latin-1" else ""
    codec = {"GBK": "GB18030", "Latin-1": "LATIN1"}.get(guess, guess)
    hint = f"convert it (iconv -f {codec} -t UTF-8 {name} > new) and compare before replacing it"
    return Issue("error", "encoding", f"{name}:{line}", f"not UTF-8; looks like {guess}{single}", hint)
