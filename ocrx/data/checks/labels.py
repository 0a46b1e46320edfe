"""Checks of the text of each label, independent of its image."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from ocrx.data.sample import Sample, quote
from ocrx.results import Issue, Severity
from ocrx.text.direction import logical_order, runs_right_to_left, visual_order
from ocrx.text.normalize import normalize

_Finding = tuple[Severity, str, str, str]
"""Severity, code, message, hint."""

_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")
# Letters of one script that look like letters of another (from Unicode's confusables, single letters only).
_CYRILLIC_LOOKALIKES = frozenset("асеорхуіјѕһԁԛԝӏАВСЕНІЈКМОРЅТХУԌԚԜЗ")
_GREEK_LOOKALIKES = frozenset("οινυρκαΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
_LATIN_LOOKALIKES = frozenset("aceopxyijshdqwvunkABCEHIJKMOPSTXYZNGQW")
_LOOKALIKES = {"CYRILLIC": _CYRILLIC_LOOKALIKES, "GREEK": _GREEK_LOOKALIKES, "LATIN": _LATIN_LOOKALIKES}
# Visible although in category Cf: signs that enclose a number, and the end-of-ayah sign.
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_JOINERS = "\u200c\u200d"
# Scripts in which joiners shape the adjacent letters: Arabic to Mandaic, Brahmic to Myanmar, Khmer, Mongolian.
_JOINING = re.compile("[\u0600-\u08ff\u0900-\u109f\u1780-\u18af\u1900-\u1cff\ua840-\uabff\ufb50-\ufdff\ufe70-\ufefe]")
_EMOJI = re.compile("[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")
_LETTERS = re.compile(r"[^\W\d_]+")
_PLAIN = re.compile(r"[!-%'-;=@-~]+(?: [!-%'-;=@-~]+)*")  # printable ASCII but & < > ?
# Markup of editors and other tools: <>, <b>, &amp;, ### (ICDAR's "don't care"), [illegible], ⟨⟩, ???
_MARKUP = re.compile(
    r"<[^<>\d ]{0,20}>|&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});|^#{3,}$|\?{3,}|⟨[^⟨⟩]*⟩|"
    r"\[(?:unk|unclear|illegible|unleserlich|illisible|gap|sic|\.\.\.|…)\]",
    re.IGNORECASE,
)
_DETECTION_KEYS = ('"transcription"', '"points"', '"bbox"')


def check_label(sample: Sample) -> Iterator[Issue]:
    """Check a label.

    Args:
        sample: The line; its image is not opened.

    Yields:
        Findings, the most serious first.
    """
    text = sample.text
    # Fast path: most labels are plain text, which a single match can tell.
    if _PLAIN.fullmatch(text) and not text.startswith(("[{", "###")) and "[" not in text:
        return
    for severity, code, message, hint in _findings(text):
        yield Issue(severity, code, sample.source, message, hint)


def _findings(text: str) -> Iterator[_Finding]:
    if text.startswith("[{") and any(key in text for key in _DETECTION_KEYS):
        message = "a text detection label (JSON with points) instead of the text of a line"
        hint = "cut the lines out of the pages and label each crop with its text"
        yield "error", "detection-label", message, hint
        return
    if not text.strip():
        message = "the label contains only spaces" if text else "empty label"
        yield "error", "label-empty", message, "write the text, or remove the line"
        return

    yield from _spaces(text)
    marks = sorted(set(_MARKUP.findall(text)))
    if marks:
        message = f"{', '.join(map(repr, marks[:3]))} in {quote(text)}: left over from an editor or another tool?"
        yield "warning", "label-markup", message, "write what the image shows, or remove the line"
    if text.isascii() and text.isprintable():
        return

    if not unicodedata.is_normalized("NFC", text):
        message = f"{quote(text)} is not in Unicode NFC; ocrx reads it as NFC"
        yield "warning", "label-nfc", message, "write NFC, or use --fix"
    yield from _characters(text)
    yield from _mixed_scripts(text)
    yield from _direction(text)


def _spaces(text: str) -> Iterator[_Finding]:
    found = []
    if text[0] == " " or text[-1] == " ":
        sides = [side for side, at in (("begins", 0), ("ends", -1)) if text[at] == " "]
        found.append(f"{' and '.join(sides)} with a space")
    if "  " in text:
        found.append("has two spaces in a row")
    other = {c for c in text if c != " " and unicodedata.category(c) == "Zs"} if not text.isascii() else set()
    if other:
        found.append(f"has spaces other than U+0020: {_names(other)}")

    if found:
        hint = "spaces are learned like any character: keep only those that the image shows (--fix)"
        yield "warning", "label-spaces", f"{quote(text)} {'; '.join(found)}", hint


def _characters(text: str) -> Iterator[_Finding]:
    by_category = _special_characters(text)
    control = {c for category in ("Cc", "Zl", "Zp") for c in by_category.get(category, ())}
    control -= {"\t"}  # reported when the list was read

    shown = quote(text)
    if control:
        hint = "remove them: they are not visible in an image"
        yield "error", "label-control", f"control characters {_names(control)} in {shown}", hint
    if "\ufffd" in text:
        hint = "a conversion damaged the text: type it again"
        yield "error", "label-damaged", f"replacement characters U+FFFD in {shown}", hint
    if "Cf" in by_category:
        hint = "remove them: they are not visible in an image, yet would be learned as characters"
        yield "warning", "label-format", f"invisible characters {_names(by_category['Cf'])} in {shown}", hint
    if "Co" in by_category:
        hint = "their meaning depends on a font or project; map them to standard Unicode if you can"
        yield "warning", "label-private-use", f"private-use characters {_names(by_category['Co'])} in {shown}", hint
    if "Cn" in by_category:
        hint = "the text may be damaged: compare it with the image"
        yield "warning", "label-unassigned", f"unassigned characters {_names(by_category['Cn'])} in {shown}", hint


def _special_characters(text: str) -> dict[str, set[str]]:
    """Group characters other than printable ASCII by Unicode category, without visible format characters."""
    by_category: dict[str, set[str]] = {}
    for i, character in enumerate(text):
        if " " <= character < "\x7f":
            continue
        category = unicodedata.category(character)
        if category == "Cf" and (character in _VISIBLE_FORMAT or _joins(text, i)):
            continue
        by_category.setdefault(category, set()).add(character)
    return by_category


def _joins(text: str, at: int) -> bool:
    """Whether a joiner follows a letter of a joining script or an emoji."""
    if text[at] not in _JOINERS or at == 0:
        return False
    return bool(_JOINING.match(text[at - 1]) or _EMOJI.match(text[at - 1]))


def _mixed_scripts(text: str) -> Iterator[_Finding]:
    """Report words that mix Latin, Cyrillic and Greek, if all letters of the rarer script are lookalikes."""
    for word in _LETTERS.findall(text):
        if word.isascii():
            continue
        scripts: dict[str, list[str]] = {}
        for character in word:
            script = unicodedata.name(character, "").partition(" ")[0]
            if script in _SCRIPTS:
                scripts.setdefault(script, []).append(character)
        if len(scripts) < 2:
            continue

        few = min(scripts, key=lambda script: (len(scripts[script]), script == "LATIN"))
        if all(character in _LOOKALIKES[few] for character in scripts[few]):
            many = max(scripts, key=lambda script: (len(scripts[script]), script == "LATIN")).capitalize()
            message = f"{quote(word)} mixes scripts: {few.capitalize()} {_names(scripts[few])} among {many}"
            yield "warning", "label-mixed-scripts", message, f"replace them with the {many} letters they look like"


def _direction(text: str) -> Iterator[_Finding]:
    """Report right-to-left labels that look the same as another text, so that the image cannot tell them apart."""
    written = normalize(text)
    if not runs_right_to_left(written):
        return
    shown = [written[i] for i, _ in visual_order(written)]
    again = "".join(shown[i] for i, _ in logical_order(shown))
    if again != written:
        message = f"{quote(text)} will be read as {quote(again)}, which looks the same in an image"
        yield "warning", "label-direction", message, "is the label in logical order? such lines count as errors"


def _names(characters: Iterable[str]) -> str:
    """List up to five code points with their names."""
    distinct = sorted(set(characters))
    shown = [f"U+{ord(c):04X} {unicodedata.name(c, '')}".rstrip() for c in distinct[:5]]
    return ", ".join(shown) + (f" and {len(distinct) - 5} more" if len(distinct) > 5 else "")
