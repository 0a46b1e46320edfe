"""Samples the texts of synthetic lines: patterns of print, many languages, a corpus, or random letters."""

from __future__ import annotations

import difflib
import math
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from random import Random

from ocrx.errors import ConfigError, DataError
from ocrx.files import read_text
from ocrx.synth import patterns
from ocrx.synth.charsets import CHARSETS
from ocrx.synth.languages import load_languages
from ocrx.synth.multilingual import SCENE_SHARES, MultilingualTexts
from ocrx.synth.scenes import SCENES
from ocrx.text.charset import Charset
from ocrx.text.charsets import JOINERS, charset_names, named_charset
from ocrx.text.normalize import normalize

SYSTEM_WORD_LISTS = (
    "/usr/share/dict/american-english-large",
    "/usr/share/dict/american-english",
    "/usr/share/dict/words",
)

_NEAR = 0.75  # similarity above which a value counts as a misspelt name; that of `abc` and `arabic` is 0.67
_WORD = re.compile(r"(?=.{3,20}$)[A-Za-z][A-Za-z -]*\d?")  # a possible name between plus signs
_TRIES = 8
_EXTRA_SIGN = 0.06
_TILL_SIGNS = "*#-+/()&@%=!:.,'\"$?<>;_[]"  # tills print no typographic signs
_KEYBOARD = str.maketrans("‘’“”–—", "''\"\"--")
_CRAMMED = 0.15
_SPARED = re.compile(r"(?<=,) | (?=\()")  # spaces that tills omit first
_MAX_FOREIGN = 0.8  # share of the lines; the others have digits and signs

# Thai, Lao, Tibetan, Burmese, Khmer, kana and Chinese characters: no spaces between words, lines end anywhere.
_UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_AM = "\u0e33\u0eb3"  # Thai and Lao letters whose ring is above the letter before
# Consonants of the scripts with marks, by their Unicode names: most marks on other characters get a dotted circle.
_BEARER = re.compile(r"(?:LETTER|CHARACTER) (?!VOCALIC|CANDRA|SHORT|SARA|MAI|PAI|LAK|[AEIOUW]{1,3}\b)")
_IDLE = re.compile("\u200c+(?= |$)")  # a ZWNJ that separates nothing


def charset_characters(value: str) -> str:
    """Resolve a ``Synth.charset`` value: names joined with ``+``, a ``.txt`` file, or the characters themselves.

    Args:
        value: The value.

    Returns:
        The characters.

    Raises:
        ConfigError: The value resembles a misspelt name, or is a file of another kind.
        DataError: The file cannot be read.
    """
    names = [name.strip() for name in value.split("+")]
    known = (*CHARSETS, *charset_names())
    if all(name in known for name in names):
        return "".join(dict.fromkeys("".join(CHARSETS.get(name) or "".join(named_charset(name)) for name in names)))
    if value.endswith(".txt"):
        return "".join(Charset.from_file(Path(value)))
    # Path.is_file raises for text that is too long to be a path.
    if os.path.isfile(value):  # noqa: PTH113
        raise ConfigError(
            f"Synth.charset: {value} is a file that does not end in .txt", hint="rename it; one character per line"
        )

    _refuse_misspelt(names, known)
    return normalize(value)


def _refuse_misspelt(names: Sequence[str], known: Sequence[str]) -> None:
    """Raise ConfigError if the value consists of names, one of which is unknown."""
    unknown = [name for name in names if name not in known]
    nearest = {name: difflib.get_close_matches(name.lower(), known, 1, _NEAR) for name in unknown}
    near = next((name for name in unknown if nearest[name]), None)

    if near is not None:
        hint = f"did you mean {nearest[near][0]!r}?"
    elif len(unknown) < len(names) or (len(names) > 1 and all(map(_WORD.fullmatch, names))):
        hint = f"known: {', '.join(known)}."
    else:
        return

    raise ConfigError(
        f"Synth.charset: unknown charset {near or unknown[0]!r}",
        hint=f"{hint} Or give a .txt file, one character per line",
    )


class TextSource:
    """Samples texts of ``min_length`` to ``max_length`` characters of the charset, without redundant spaces.

    Args:
        characters: The charset.
        corpus: A text file to take words from.
        corpus_share: Share of texts that come from the corpus; all texts if the charset has no English letters.
        word_lists: Files of words; ``system`` means the system's word list, if there is one.
        min_length: Minimum number of characters.
        max_length: Maximum number of characters.
        languages: A folder of word lists, see ``ocrx.synth.languages``.

    Raises:
        DataError: A file cannot be read, or the charset has no visible character.
    """

    def __init__(
        self,
        characters: str,
        corpus: Path | None = None,
        corpus_share: float = 0.5,
        word_lists: Sequence[str] = ("system",),
        min_length: int = 1,
        max_length: int = 40,
        languages: Path | None = None,
    ) -> None:
        self.allowed = frozenset(characters)
        self.visible = sorted(self.allowed - {" ", *JOINERS})
        self.bases = [c for c in self.visible if not _attaches(c)]
        if not self.bases:
            raise DataError("Synth.charset: contains no visible character")
        self.signs = [c for c in self.bases if _is_sign(c)] or self.bases
        self.till_signs = [c for c in _TILL_SIGNS if c in self.allowed] or self.signs
        self.min_length, self.max_length = min_length, max_length
        english = set("abcdefghijklmnopqrstuvwxyz0123456789") <= {c.lower() for c in self.allowed}
        self.corpus = _read_words(corpus) if corpus else []
        # Where texts begin; a paragraph without spaces counts once for each line that it fills.
        self._starts = [i for i, word in enumerate(self.corpus) for _ in range(math.ceil(len(word) / max_length))]
        self.corpus_share = corpus_share if english else 1.0
        self.english = english
        self.vocabulary = patterns.Vocabulary(_word_list(word_lists, self.allowed) if english else ())
        self._marked = any(map(_attaches, self.allowed))
        self._bearers = _by_script(c for c in self.bases if c.isalpha() and _BEARER.search(unicodedata.name(c, "")))
        letters = [c for c in self.visible if c.isalnum() or _attaches(c)]
        foreign = [c for c in letters if c not in CHARSETS["western"]]
        self._foreign = list(_by_script(foreign).values()) if english and not (corpus or languages) else []
        self._multilingual: MultilingualTexts | None = None
        if languages:
            self._multilingual = MultilingualTexts(load_languages(languages, self.allowed), self.allowed)
        self._foreign_share = min(_MAX_FOREIGN, len(foreign) / max(1, len(letters)))

        self._kinds = {
            name: ([kind for kind, _ in rows], list(accumulate(weight for _, weight in rows)))
            for name, rows in ((name, scene.texts) for name, scene in SCENES.items())
        }

    def sample(self, rng: Random, scene: str) -> str:
        """Sample a text for a scene.

        Args:
            rng: Source of randomness.
            scene: ``receipt``, ``document``, ``screen`` or ``photo``.

        Returns:
            The text.
        """
        return self.sample_with_language(rng, scene)[0]

    def sample_with_language(self, rng: Random, scene: str) -> tuple[str, str]:
        """Sample a text for a scene, and report its language.

        Args:
            rng: Source of randomness.
            scene: ``receipt``, ``document``, ``screen`` or ``photo``.

        Returns:
            The text and the BCP 47 code of its language; empty if it is not from the word lists of ``languages``.
        """
        for _ in range(_TRIES):
            language = ""
            if self._multilingual and rng.random() < SCENE_SHARES[scene]:
                text, language = self._multilingual.sample(rng, scene, self.max_length)
            elif self.corpus and rng.random() < self.corpus_share:
                text = self._from_corpus(rng)
            elif self._foreign and rng.random() < self._foreign_share:
                text = self._random_text(rng, rng.choices(self._foreign, [len(script) for script in self._foreign])[0])
            elif self.english:
                kinds, weights = self._kinds[scene]
                text = rng.choices(kinds, cum_weights=weights)[0](rng, self.vocabulary)
                if scene == "receipt":
                    text = self._as_tills_print(rng, text)
            else:
                text = self._random_text(rng, self.visible)
            if rng.random() < _EXTRA_SIGN:
                text = self._with_extra_sign(rng, text, self.till_signs if scene == "receipt" else self.signs)
            text = self._fit(rng, text)
            if text:
                return text, language

        return self._random_text(rng, self.bases), ""

    def _fit(self, rng: Random, text: str) -> str:
        """Fit a text to charset and length, cutting after a word if possible; empty if nothing remains."""
        text = normalize(text)
        if self._marked or not self.allowed.issuperset(text):
            text = self._within_charset(text)
        text = " ".join(text.split())
        if len(text) > self.max_length:
            starts = [0, *(i + 1 for i, c in enumerate(text[: -self.max_length]) if c == " ")]
            start = 0 if rng.random() < 0.6 else rng.choice(starts)
            text = text[start : start + self.max_length + 1]
            whole, _, last = text.rpartition(" ")
            text = whole if whole and not _UNSPACED.search(last) else _cut(text, 0, self.max_length).strip()
        return text if len(text) >= self.min_length else ""

    def _within_charset(self, text: str) -> str:
        """Drop characters that the charset lacks. A mark is dropped with its letter, and none begins a word."""
        kept: list[str] = []
        carried = False
        for c in text:
            carried = carried if _attaches(c) else c in self.allowed and c != " "
            if c in self.allowed and (carried or not _attaches(c)):
                kept.append(c)
        return _IDLE.sub("", "".join(kept))

    @staticmethod
    def _as_tills_print(rng: Random, text: str) -> str:
        """Replace typographic signs by those of the keyboard, and sometimes omit spaces, as tills do."""
        text = text.translate(_KEYBOARD)
        return _SPARED.sub("", text) if rng.random() < _CRAMMED else text

    def _with_extra_sign(self, rng: Random, text: str, signs: Sequence[str]) -> str:
        """Add a sign to the text; all signs are equally likely, so that rare ones are learned, too."""
        sign, words = rng.choice(signs), text.split(" ")
        at = rng.randrange(len(words))
        words[at] = rng.choice(("{0}{1}", "{1}{0}", "{1} {0}", "{0}")).format(sign, words[at])
        return " ".join(words)

    def _from_corpus(self, rng: Random) -> str:
        target = rng.randint(self.min_length, self.max_length)
        start = self._starts[rng.randrange(len(self._starts))]
        first = self.corpus[start]
        if len(first) > target and (len(first) > self.max_length or _UNSPACED.search(first)):
            at = rng.randrange(len(first) - target + 1)
            return _cut(first, at, at + target)

        taken: list[str] = []
        length = 0

        for word in self.corpus[start : start + target]:
            if taken and length + 1 + len(word) > target:
                break
            taken.append(word)
            length += len(word) + (len(taken) > 1)

        return " ".join(taken)

    def _random_text(self, rng: Random, characters: Sequence[str]) -> str:
        """Generate words of random characters; a mark follows a letter of its script."""
        length = max(self.min_length, min(self.max_length, rng.randint(1, 12)))
        chosen = rng.choices(characters, k=length)
        if " " in self.allowed:
            for i in range(2, length - 1):
                if rng.random() < 0.12 and chosen[i - 1] != " ":
                    chosen[i] = " "
        return _cut(normalize(self._on_letters(rng, chosen)), 0, self.max_length)

    def _on_letters(self, rng: Random, chosen: Sequence[str]) -> str:
        """Join the characters; a mark is put on the letter before it, or on another letter that can carry it."""
        text = ""
        for c in chosen:
            if _attaches(c):
                letters = self._bearers.get(_script(c)) or [c for script in self._bearers.values() for c in script]
                if letters and text[-1:] not in letters:
                    text += rng.choice(letters)
                if not letters or normalize(text[-1] + c) != text[-1] + c:
                    continue  # they would be one character, which the charset may lack
            text += c
        return text


def _is_sign(character: str) -> bool:
    """Whether a character is neither a letter nor a decimal digit; superscripts and fractions are signs."""
    return not (character.isalpha() or character.isdecimal()) and unicodedata.category(character) != "Cf"


def _attaches(character: str) -> bool:
    """Whether a character cannot occur without the one before it."""
    return unicodedata.category(character)[0] == "M" or character in JOINERS or character in _AM


def _script(character: str) -> str:
    return unicodedata.name(character, "").removeprefix("COMBINING ").split(" ")[0]


def _by_script(characters: Iterable[str]) -> dict[str, list[str]]:
    scripts: dict[str, list[str]] = defaultdict(list)
    for character in characters:
        scripts[_script(character)].append(character)
    return dict(scripts)


def _cut(text: str, start: int, end: int) -> str:
    """Return characters ``start`` to ``end``, without those that would be separated from their base."""
    while start < end and _attaches(text[start]):
        start += 1
    while start < end < len(text) and (_attaches(text[end]) or text[end - 1] in JOINERS):
        end -= 1
    return text[start:end]


def _read_words(path: Path) -> list[str]:
    words = normalize(read_text(path)).split()
    if not words:
        raise DataError(f"{path}: the corpus is empty")
    return words


def _word_list(lists: Sequence[str], allowed: frozenset[str]) -> list[str]:
    """Read plain words from the given files; ``system`` means the first system word list found."""
    system = [path for path in SYSTEM_WORD_LISTS if Path(path).is_file()][:1]
    files = [file for entry in lists for file in (system if entry == "system" else [entry])]
    words = [word for file in files for word in _read_words(Path(file))]
    plain = re.compile(r"[^\W\d_]+(?:['’-](?!s$)[^\W\d_]+)*")
    return [word for word in words if len(word) <= 16 and allowed.issuperset(word) and plain.fullmatch(word)]
