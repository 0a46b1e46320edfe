"""What can be wrong with a label as a text, whatever its image."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ocrx.data.sample import Sample
from ocrx.results import Issue, Severity
from ocrx.text.direction import logical_order, visual_order
from ocrx.text.normalize import normalize

Finding = tuple[Severity, str, str, str]

_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")
# Letters of one script that look like letters of another (after Unicode's confusables, single letters only).
_CYRILLIC_LOOKALIKES = frozenset("асеорхуіјѕһԁԛԝӏАВСЕНІЈКМОРЅТХУԌԚԜЗ")
_GREEK_LOOKALIKES = frozenset("οινυρκαΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
_LATIN_LOOKALIKES = frozenset("aceopxyijshdqwvunkABCEHIJKMOPSTXYZNGQW")
_LOOKALIKES = {"CYRILLIC": _CYRILLIC_LOOKALIKES, "GREEK": _GREEK_LOOKALIKES, "LATIN": _LATIN_LOOKALIKES}
# Visible, though of category Cf: signs that stand around a number, and the end of a verse.
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_JOINERS = "\u200c\u200d"
# Scripts in which a joiner shapes its neighbours: Arabic to Mandaic, Brahmic to Myanmar, Khmer, Mongolian.
_JOINING = re.compile("[\u0600-\u08ff\u0900-\u109f\u1780-\u18af\u1900-\u1cff\ua840-\uabff\ufb50-\ufdff\ufe70-\ufefe]")
_EMOJI = re.compile("[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")
_RUN_OF_LETTERS = re.compile(r"[^\W\d_]+")
_PLAIN = re.compile(r"[!-%'-;=@-~]+(?: [!-%'-;=@-~]+)*")  # printable ASCII but & < > ?
# Marks of editors and of other tools: <>, <b>, &amp;, ### (ICDAR's "do not care"), [illegible], ⟨⟩, ???
_MARKUP = re.compile(
    r"<[^<>\d ]{0,20}>|&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});|^#{3,}$|\?{3,}|⟨[^⟨⟩]*⟩|"
    r"\[(?:unk|unclear|illegible|unleserlich|illisible|gap|sic|\.\.\.|…)\]",
    re.IGNORECASE,
)


def check_label(sample: Sample) -> Iterator[Issue]:
    """All findings about one label, in the order of their weight."""
    text = sample.text
    if _PLAIN.fullmatch(text) and not text.startswith(("[{", "###")) and "[" not in text:
        return
    if _is_detection(text):
        message = "a detection label (JSON with points), not the text of a line"
        hint = "cut the lines out of the pages and label each crop with its text"
        yield Issue("error", "detection-label", sample.source, message, hint)
        return
    for severity, code, message, hint in _findings(text):
        yield Issue(severity, code, sample.source, message, hint)


def _is_detection(text: str) -> bool:
    return text.startswith("[{") and any(key in text for key in ('"transcription"', '"points"', '"bbox"'))


def _findings(text: str) -> Iterator[Finding]:
    if not text.strip():
        what = "empty label" if not text else "the label holds only spaces"
        yield "error", "label-empty", what, "write the text, or take the line out"
        return
    yield from _spaces(text)
    marks = sorted(set(_MARKUP.findall(text)))
    if marks:
        message = f"{', '.join(map(repr, marks[:3]))} in {text!r}: a mark of an editor or of another tool?"
        yield "warning", "label-markup", message, "write what the image shows, or take the line out"
    if text.isascii() and text.isprintable():
        return
    if not unicodedata.is_normalized("NFC", text):
        yield "warning", "label-nfc", f"{text!r} is not in Unicode NFC; it is read as NFC", "write NFC, or use --fix"
    yield from _characters(text)
    yield from _mixed_scripts(text)
    yield from _direction(text)


def _spaces(text: str) -> Iterator[Finding]:
    found = []
    if text[0] == " " or text[-1] == " ":
        sides = [side for side, at in (("begins", 0), ("ends", -1)) if text[at] == " "]
        found.append(f"{' and '.join(sides)} with a space")
    if "  " in text:
        found.append("two spaces in a row")
    odd = sorted({c for c in text if c != " " and unicodedata.category(c) == "Zs"}) if not text.isascii() else []
    if odd:
        found.append(f"other spaces than U+0020: {_names(odd)}")
    if found:
        hint = "a space is a character to be learned: keep it only where the image shows it (--fix)"
        yield "warning", "label-spaces", f"{text!r} {'; '.join(found)}", hint


def _characters(text: str) -> Iterator[Finding]:
    by_category: dict[str, set[str]] = {}
    for i, character in enumerate(text):
        if character < "\x7f" and character >= " ":
            continue
        category = unicodedata.category(character)
        if category == "Cf" and (character in _VISIBLE_FORMAT or _joins(text, i)):
            continue
        by_category.setdefault(category, set()).add(character)
    control = by_category.get("Cc", set()) | by_category.get("Zl", set()) | by_category.get("Zp", set())
    control -= {"\t"}  # reading the list has named these already
    if control:
        hint = "take them out; they show nothing in an image"
        yield "error", "label-control", f"control characters {_names(control)} in {text!r}", hint
    if "\ufffd" in text:
        hint = "the text was damaged when it was converted: write it again"
        yield "error", "label-damaged", f"replacement characters U+FFFD in {text!r}", hint
    if "Cf" in by_category:
        hint = "take them out; they show nothing in an image and would be learned as a character"
        yield "warning", "label-format", f"invisible characters {_names(by_category['Cf'])} in {text!r}", hint
    if "Co" in by_category:
        hint = "they mean something only in one font or project; map them to Unicode if you can"
        yield "warning", "label-private-use", f"private-use characters {_names(by_category['Co'])} in {text!r}", hint
    if "Cn" in by_category:
        hint = "look them up; they may be damage"
        yield "warning", "label-unassigned", f"unassigned characters {_names(by_category['Cn'])} in {text!r}", hint


def _joins(text: str, at: int) -> bool:
    """Whether a joiner stands behind a letter of a script, or an emoji, that it belongs to."""
    if text[at] not in _JOINERS or at == 0:
        return False
    return bool(_JOINING.match(text[at - 1]) or _EMOJI.match(text[at - 1]))


def _mixed_scripts(text: str) -> Iterator[Finding]:
    """Words that hold letters of two of Latin, Cyrillic and Greek, where those of one all look like the other's."""
    for word in _RUN_OF_LETTERS.findall(text):
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
            many = max(scripts, key=lambda script: (len(scripts[script]), script == "LATIN"))
            message = (
                f"{word!r} mixes scripts: {few.capitalize()} {_names(set(scripts[few]))} among {many.capitalize()}"
            )
            hint = f"type the {many.capitalize()} letters that they look like"
            yield "warning", "label-mixed-scripts", message, hint


def _direction(text: str) -> Iterator[Finding]:
    """Right-to-left lines of which another one looks the same: a reader cannot know which of them it is."""
    written = normalize(text)
    shown = [written[i] for i, _ in visual_order(written)]
    again = "".join(shown[i] for i, _ in logical_order(shown))
    if again != written:
        message = f"{text!r} is read as {again!r}, which an image shows the same way"
        yield "warning", "label-direction", message, "is the order the logical one? then such lines count as misread"


def _names(characters: set[str] | list[str]) -> str:
    shown = [
        f"U+{ord(c):04X}" + (f" {unicodedata.name(c)}" if unicodedata.name(c, "") else "") for c in sorted(characters)
    ]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
