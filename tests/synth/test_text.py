from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.errors import ConfigError, DataError
from ocrx.synth import patterns, till_patterns
from ocrx.synth.patterns import Vocabulary
from ocrx.synth.scenes import SCENES
from ocrx.synth.text import CHARSETS, TextSource, charset_characters
from ocrx.text.charsets import named_charset

WESTERN = CHARSETS["western"]


@pytest.fixture(scope="module")
def source() -> TextSource:
    return TextSource(WESTERN)


@given(seed=st.integers(0, 10**9), scene=st.sampled_from(sorted(SCENES)))
def test_texts_stay_in_the_charset_and_hold_no_needless_space(source: TextSource, seed: int, scene: str) -> None:
    text = source.sample(Random(seed), scene)
    assert set(text) <= set(WESTERN)
    assert 1 <= len(text) <= 40
    assert text == " ".join(text.split())
    assert unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize(("least", "most"), [(1, 1), (3, 5), (6, 26), (12, 12)])
def test_lengths_are_kept(least: int, most: int) -> None:
    source = TextSource("abcdefghijklmnopqrstuvwxyz 0123456789", min_length=least, max_length=most)
    texts = [source.sample(Random(seed), "document") for seed in range(300)]
    assert all(least <= len(text) <= most for text in texts)
    assert all(text == " ".join(text.split()) for text in texts)


def test_every_character_of_the_charset_is_sampled(source: TextSource) -> None:
    rng, counts = Random(1), Counter[str]()
    for scene in SCENES:
        for _ in range(1500):
            counts.update(source.sample(rng, scene))
    assert min(counts[c] for c in WESTERN) >= 5


def test_till_texts_hold_prices_dates_and_capitals(source: TextSource) -> None:
    rng = Random(2)
    texts = [source.sample(rng, "receipt") for _ in range(2000)]
    assert sum(text[-3:-2] == "." and text[-2:].isdigit() for text in texts) > 200
    assert sum(text.count("/") == 2 for text in texts) > 20
    capitals = sum(text.isupper() for text in texts) / sum(any(c.isalpha() for c in text) for text in texts)
    assert 0.3 < capitals < 0.8


def test_codes_and_percentages_hold_zeros_not_letters_o() -> None:
    """What looks the same is told apart by its neighbours, so the neighbours must say the likelier one."""
    rng = Random(3)
    among_digits = [t for t in (patterns.code(rng, Vocabulary()) for _ in range(3000)) if re.search(r"\dO|O[1-9]", t)]
    assert len(among_digits) < 30
    assert not any("O%" in till_patterns.percent(rng, Vocabulary()) for _ in range(300))


def test_tills_print_the_signs_of_the_keyboard(source: TextSource) -> None:
    """Other signs only in texts that need them, so that a speck is not read as one."""
    rng = Random(4)
    counts = Counter("".join(source.sample(rng, "receipt") for _ in range(4000)))
    assert not any(counts[c] for c in "‘’“”–—")
    assert sum(counts[c] for c in "…•×§½") < 0.001 * counts.total()


def test_tills_spare_spaces_behind_commas_at_times(source: TextSource) -> None:
    texts = [source.sample(Random(seed), "receipt") for seed in range(4000)]
    with_space = sum(bool(re.search(", [A-Z]", text)) for text in texts)
    without = sum(bool(re.search("[A-Za-z],[A-Z]", text)) for text in texts)
    assert 0.05 < without / with_space < 0.5


def test_corpus_of_another_script_is_the_only_source(tmp_path: Path) -> None:
    corpus = tmp_path / "greek.txt"
    corpus.write_text("ἐν ἀρχῇ ἦν ὁ λόγος", encoding="utf-8")
    source = TextSource("".join(sorted(set("ἐν ἀρχῇ ἦν ὁ λόγος"))), corpus, max_length=12)
    words = {source.sample(Random(i), "receipt") for i in range(50)}
    assert all(word in "ἐν ἀρχῇ ἦν ὁ λόγος" or set(word) <= source.allowed for word in words)
    assert any("λόγος" in word for word in words)


def is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or character in "\u200c\u200d"


def test_paragraphs_without_spaces_are_sampled_from_all_their_parts(tmp_path: Path) -> None:
    paragraph = "在计算机科学中，人工智能是指由制造出来的器所表现，该词也指出研究这样系统否够实以及如何"
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(paragraph + "\nab", encoding="utf-8")
    source = TextSource("".join(set(paragraph + "ab")), corpus, max_length=10)
    texts = [source.sample(Random(i), "document") for i in range(1000)]
    parts = [text for text in texts if text in paragraph]
    assert {paragraph.index(part) for part in parts if len(part) > 2} == set(range(len(paragraph) - 2))
    assert {len(part) for part in parts} == set(range(1, 11))
    assert len(parts) > 700, "a long paragraph is sampled more often than a short word"


def test_letters_and_their_marks_are_not_torn(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("กี่" * 30 + " x\u200cy" * 30, encoding="utf-8")
    source = TextSource("กี่xy!\u200c", corpus, max_length=10)
    texts = {source.sample(Random(i), "document").replace("!", "") for i in range(500)}
    assert {"กี่", "กี่กี่", "กี่กี่กี่"} <= texts
    assert all(re.fullmatch("(กี่)*|(x\u200cy)*", text) for text in texts)


def test_words_of_spaced_scripts_stay_whole(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("перевозка груза", encoding="utf-8")
    source = TextSource("агеорвпкзуг", corpus, max_length=10)
    words = {word for i in range(100) for word in source.sample(Random(i), "document").split(" ")}
    assert {"перевозка", "груза"} <= words
    assert not any(word in "перевозка" for word in words - {"перевозка"} if len(word) > 1)


def test_marks_go_with_their_letters(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("аж\u0301б \u0301гд\u0301", encoding="utf-8")
    source = TextSource("абгд\u0301! ", corpus)
    texts = [source.sample(Random(i), "document").replace("!", "") for i in range(60)]
    assert {word for text in texts for word in text.split()} == {"аб", "гд\u0301"}


@pytest.mark.parametrize("name", ["devanagari", "thai", "hebrew", "arabic", "tamil"])
def test_by_chance_a_mark_stands_on_a_letter_of_its_script(name: str) -> None:
    """Anywhere else shapers draw a dotted circle."""
    source = TextSource(charset_characters(name))
    assert not any(is_mark(sign) for sign in source.signs)
    texts = [source.sample(Random(i), "document") for i in range(1500)]
    marks = Counter[str]()
    for text in texts:
        for before, c in zip(" " + text, text, strict=False):
            if is_mark(c):
                marks[c] += 1
                assert unicodedata.category(before) == "Lo", text
                assert unicodedata.name(before).split()[0] == unicodedata.name(c).split()[0]
    assert len(marks) > 0.9 * sum(unicodedata.category(c).startswith("M") for c in source.visible)


@pytest.mark.parametrize(("name", "least"), [("cyrillic", 0.6), ("greek", 0.6), ("hangul", 0.6), ("western", 0.0)])
def test_named_charsets_without_corpus_draw_their_letters(name: str, least: float) -> None:
    source = TextSource(charset_characters(name))
    texts = [source.sample(Random(i), "document") for i in range(400)]
    own = [any(c.isalpha() and c > "\u0250" for c in text) for text in texts]
    assert least <= sum(own) / len(texts) <= 0.85
    assert any(text.isascii() and text.isalpha() for text in texts)


def test_a_few_letters_more_take_a_few_lines() -> None:
    source = TextSource(WESTERN + "äöüß")
    texts = [source.sample(Random(i), "document") for i in range(1000)]
    assert 20 < sum(any(c in "äöüß" for c in text) for text in texts) < 150


def test_digits_alone_give_numbers() -> None:
    source = TextSource(CHARSETS["digits"])
    assert all(source.sample(Random(i), "receipt").isdigit() for i in range(50))


def test_named_charsets_files_and_literals(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("a\nb\n", encoding="utf-8")
    assert charset_characters("digits") == "0123456789"
    assert charset_characters(str(tmp_path / "dict.txt")) == "ab "
    assert charset_characters("xyz") == "xyz"
    assert charset_characters("a+b") == "a+b"
    assert charset_characters("greek") == "".join(named_charset("greek"))
    assert charset_characters("western+greek")[: len(WESTERN)] == WESTERN
    assert set(charset_characters("western+greek")) == set(WESTERN) | set(named_charset("greek"))
    assert len(set(WESTERN)) == len(WESTERN) and set(map(chr, range(32, 127))) < set(WESTERN)


@pytest.mark.parametrize(
    ("value", "wrong", "hint"),
    [
        ("cyrilic", "cyrilic", "did you mean 'cyrillic'?"),
        ("Cyrillic", "Cyrillic", "did you mean 'cyrillic'?"),
        ("westrn", "westrn", "did you mean 'western'?"),
        ("latin+greke", "greke", "did you mean 'greek'?"),
        ("digits+.,-", ".,-", "known: western, ascii, digits, "),
        ("foo+bar", "foo", "known: western, ascii, digits, "),
    ],
)
def test_misspelt_charsets_are_not_taken_for_characters(value: str, wrong: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"Synth.charset: unknown charset {wrong!r}")) as caught:
        charset_characters(value)
    assert caught.value.hint is not None and hint in caught.value.hint


def test_files_are_not_taken_for_characters(tmp_path: Path) -> None:
    (tmp_path / "chars.dic").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"chars\.dic is a file that does not end in \.txt"):
        charset_characters(str(tmp_path / "chars.dic"))


@pytest.mark.parametrize(
    "value",
    [
        "0123456789.,-",
        "ABCabc",
        "abc",
        "acgt",
        "0123456789+-*/=",
        "+ABCabc",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ+abcdefghijklmnopqrstuvwxyz",
        "".join(map(chr, range(32, 127))),
        "中文字" * 100,
    ],
)
def test_characters_stay_characters(value: str) -> None:
    assert charset_characters(value) == value


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\xfa"])
def test_unusable_corpus_names_the_file(tmp_path: Path, content: bytes | None) -> None:
    corpus = tmp_path / "corpus.txt"
    if content is not None:
        corpus.write_bytes(content)
    with pytest.raises(DataError, match=r"corpus\.txt"):
        TextSource(WESTERN, corpus)


def test_a_charset_of_spaces_is_refused() -> None:
    with pytest.raises(DataError, match="no visible character"):
        TextSource(" ")


def test_word_lists_are_read_and_missing_ones_named(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("zyzzyva\nzyzzyva's\nΩmega\n42\n", encoding="utf-8")
    source = TextSource(WESTERN, word_lists=(str(tmp_path / "words.txt"),))
    assert source.vocabulary.large == ["zyzzyva"]
    assert TextSource(WESTERN, word_lists=()).vocabulary.large == []
    with pytest.raises(DataError, match="nowhere"):
        TextSource(WESTERN, word_lists=("nowhere.txt",))
