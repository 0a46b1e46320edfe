"""What the synthetic lines say: patterns of real print, a corpus, or chance; always inside the charset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from random import Random

from ocrx.errors import DataError
from ocrx.synth import patterns
from ocrx.synth.scenes import SCENES
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

ASCII = "".join(chr(c) for c in range(32, 127))
CHARSETS = {"western": ASCII + "“”‘’–—…•°±×©®™€£¥§½", "ascii": ASCII, "digits": "0123456789"}
SYSTEM_WORD_LISTS = (
    "/usr/share/dict/american-english-large",
    "/usr/share/dict/american-english",
    "/usr/share/dict/words",
)

_TRIES = 8
_SPRINKLED = 0.06
_TILL_SIGNS = "*#-+/()&@%=!:.,'\"$?<>;_[]"  # tills print no typographic signs, so these alone are sprinkled there


def charset_characters(value: str) -> str:
    """What a ``Synth.charset`` value means: a known name, a ``.txt`` file with one character a line, or itself."""
    if value in CHARSETS:
        return CHARSETS[value]
    if value.endswith(".txt"):
        return "".join(Charset.from_file(Path(value)))
    return normalize(value)


class TextSource:
    """Draws texts of ``min_length`` to ``max_length`` characters of the charset, without needless spaces."""

    def __init__(
        self,
        characters: str,
        corpus: Path | None = None,
        corpus_share: float = 0.5,
        word_lists: Sequence[str] = ("system",),
        min_length: int = 1,
        max_length: int = 40,
    ) -> None:
        self.allowed = frozenset(characters)
        self.visible = sorted(self.allowed - {" "})
        if not self.visible:
            raise DataError("Synth.charset: holds no character that can be seen")
        self.signs = [c for c in self.visible if not c.isalnum()] or self.visible
        self.till_signs = [c for c in _TILL_SIGNS if c in self.allowed] or self.signs
        self.min_length, self.max_length = min_length, max_length
        english = set("abcdefghijklmnopqrstuvwxyz0123456789") <= {c.lower() for c in self.allowed}
        self.corpus = _read_words(corpus) if corpus else []
        self.corpus_share = corpus_share if english else 1.0
        self.english = english
        self.vocabulary = patterns.Vocabulary(_word_list(word_lists, self.allowed) if english else ())
        self._kinds = {
            name: ([kind for kind, _ in rows], list(accumulate(weight for _, weight in rows)))
            for name, rows in ((name, scene.texts) for name, scene in SCENES.items())
        }

    def draw(self, rng: Random, scene: str) -> str:
        """A text for a scene: ``receipt``, ``document``, ``screen`` or ``photo``."""
        for _ in range(_TRIES):
            if self.corpus and rng.random() < self.corpus_share:
                text = self._from_corpus(rng)
            elif self.english:
                kinds, weights = self._kinds[scene]
                text = rng.choices(kinds, cum_weights=weights)[0](rng, self.vocabulary)
            else:
                text = self._by_chance(rng)
            if rng.random() < _SPRINKLED:
                text = self._sprinkled(rng, text, self.till_signs if scene == "receipt" else self.signs)
            text = self._fit(rng, text)
            if text:
                return text
        return self._by_chance(rng)[: self.max_length]

    def _fit(self, rng: Random, text: str) -> str:
        """The text in the charset and within the lengths, cut at a word's end where one is; '' if nothing is left."""
        text = normalize(text)
        if not self.allowed.issuperset(text):
            text = "".join(c for c in text if c in self.allowed)
        text = " ".join(text.split())
        if len(text) > self.max_length:
            starts = [0, *(i + 1 for i, c in enumerate(text[: -self.max_length]) if c == " ")]
            start = 0 if rng.random() < 0.6 else rng.choice(starts)
            text = text[start : start + self.max_length + 1]
            text = (text.rsplit(" ", 1)[0] if " " in text else text)[: self.max_length].strip()
        return text if len(text) >= self.min_length else ""

    def _sprinkled(self, rng: Random, text: str, signs: Sequence[str]) -> str:
        """The text with a sign drawn evenly, so that the rare ones are learned too."""
        sign, words = rng.choice(signs), text.split(" ")
        at = rng.randrange(len(words))
        words[at] = rng.choice(("{0}{1}", "{1}{0}", "{1} {0}", "{0}")).format(sign, words[at])
        return " ".join(words)

    def _from_corpus(self, rng: Random) -> str:
        target = rng.randint(self.min_length, self.max_length)
        start = rng.randrange(len(self.corpus))
        taken: list[str] = []
        length = 0
        for word in self.corpus[start : start + target]:
            if taken and length + 1 + len(word) > target:
                break
            taken.append(word)
            length += len(word) + (len(taken) > 1)
        return " ".join(taken)

    def _by_chance(self, rng: Random) -> str:
        """Words of characters drawn evenly."""
        length = max(self.min_length, min(self.max_length, rng.randint(1, 12)))
        drawn = rng.choices(self.visible, k=length)
        if " " in self.allowed:
            for i in range(2, length - 1):
                if rng.random() < 0.12 and drawn[i - 1] != " ":
                    drawn[i] = " "
        return normalize("".join(drawn))


def _read_words(path: Path) -> list[str]:
    try:
        words = normalize(path.read_text(encoding="utf-8-sig")).split()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if not words:
        raise DataError(f"{path}: the corpus is empty")
    return words


def _word_list(lists: Sequence[str], allowed: frozenset[str]) -> list[str]:
    """Plain words of the given files; ``system`` stands for the machine's first list, if it has one."""
    system = [path for path in SYSTEM_WORD_LISTS if Path(path).is_file()][:1]
    files = [file for entry in lists for file in (system if entry == "system" else [entry])]
    words = [word for file in files for word in _read_words(Path(file))]
    plain = re.compile(r"[^\W\d_]+(?:['’-](?!s$)[^\W\d_]+)*")
    return [word for word in words if len(word) <= 16 and allowed.issuperset(word) and plain.fullmatch(word)]
