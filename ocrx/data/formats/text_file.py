"""Reading text files that people made: byte order marks, line ends and encodings, each noticed and named.

Text is UTF-8. A file in another encoding is an error with the guess in its message; it is still decoded by
that guess, so that the other problems in it can be found in the same pass.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ocrx.errors import DataError
from ocrx.results import Issue

_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_SAMPLE = 1_000_000


@dataclass(frozen=True)
class TextFile:
    """The decoded text of a file, what was odd about it, and the numbers of lines that could not be decoded."""

    name: str
    text: str
    issues: tuple[Issue, ...]
    undecodable: frozenset[int] = frozenset()

    def lines(self) -> Iterator[tuple[int, str]]:
        """(number from 1, line without its end); lines end with LF or CRLF alone, and a final LF opens no new line."""
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
    """Decode a file; ``name`` is how issues call it.

    Raises DataError if the file is missing or cannot be opened.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    issues: list[Issue] = []
    bad: frozenset[int] = frozenset()
    wide = _utf16(data)
    if wide:
        text = data.decode(wide, errors="replace").removeprefix("\ufeff")
        issues.append(_encoding_issue(name, "UTF-16", 1))
    else:
        if data.startswith(codecs.BOM_UTF8):
            data = data[len(codecs.BOM_UTF8) :]
            issues.append(
                Issue(
                    "warning",
                    "bom",
                    f"{name}:1",
                    "starts with a byte order mark, which other tools read as part of the first path",
                    "save as UTF-8 without BOM, or use --fix",
                )
            )
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            text, bad, found = _not_utf8(data, name, error)
            issues += found
    issues += _line_end_issues(text, name)
    return TextFile(name, text, tuple(issues), bad)


def _line_end_issues(text: str, name: str) -> list[Issue]:
    issues = []
    crlf = text.find("\r\n")
    if crlf >= 0:
        where = f"{name}:{text.count(chr(10), 0, crlf) + 1}"
        count = text.count("\r\n")
        message = f"{count} lines end with CRLF, which other tools read as part of the label"
        issues.append(Issue("warning", "crlf", where, message, "use LF line ends, or --fix"))
    elif "\r" in text and "\n" not in text:
        message = "lines end with CR alone; the file reads as one line"
        issues.append(Issue("error", "crlf", f"{name}:1", message, "use LF line ends"))
    if text and not text.endswith("\n"):
        message = "no newline at the end; a line appended later would run into the last one"
        where = f"{name}:{text.count(chr(10)) + 1}"
        issues.append(Issue("info", "no-final-newline", where, message, "end the file with a newline, or use --fix"))
    return issues


def _utf16(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = data[:4000]
    if len(head) >= 4 and head.count(0) >= len(head) / 5:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    return None


def _not_utf8(data: bytes, name: str, error: UnicodeDecodeError) -> tuple[str, frozenset[int], list[Issue]]:
    """Text by the best guess. Where most lines are UTF-8, only the bad ones are left out."""
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
        message = "not UTF-8, though the rest of the file is; the line is left out"
        hint = "write the line again as UTF-8"
        return text, frozenset(bad), [Issue("error", "encoding", f"{name}:{n}", message, hint) for n in bad]
    first = data.count(b"\n", 0, error.start) + 1
    if _looks_like_gbk(data):
        return data.decode("gb18030", errors="replace"), frozenset(), [_encoding_issue(name, "GBK", first)]
    return data.decode("latin-1"), frozenset(), [_encoding_issue(name, "Latin-1", first)]


def _looks_like_gbk(data: bytes) -> bool:
    """Two-byte text has runs of high bytes of even length; in single-byte text many are odd."""
    runs = [len(run) for run in _HIGH_RUNS.findall(data[:_SAMPLE])]
    if not runs or sum(length % 2 == 0 for length in runs) < 0.8 * len(runs):
        return False
    text = data.decode("gb18030", errors="replace")
    return text.count("\ufffd") <= len(runs) / 100


def _encoding_issue(name: str, guess: str, line: int) -> Issue:
    single = " (or another single-byte encoding)" if guess == "Latin-1" else ""
    codec = {"GBK": "GB18030", "Latin-1": "LATIN1"}.get(guess, guess)
    hint = f"convert it: iconv -f {codec} -t UTF-8 {name} > new, and compare before replacing"
    return Issue("error", "encoding", f"{name}:{line}", f"not UTF-8; looks like {guess}{single}", hint)
