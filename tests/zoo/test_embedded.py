"""The models inside the package read what their cards say."""

from __future__ import annotations

import pytest
from support.print import typeset

from ocrx import create_model
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import EMBEDDED_DIR, SPEC_FILE
from ocrx.synth.charsets import CHARSETS
from ocrx.zoo.embedded import DEFAULT

EMBEDDED = sorted(path.parent.name for path in EMBEDDED_DIR.glob(f"*/{SPEC_FILE}"))
LARGEST = 5_000_000
LARGEST_WHEEL = 40_000_000


@pytest.fixture(scope="module")
def latin() -> Recognizer:
    return create_model("printed_latin", device="cpu")


@pytest.mark.parametrize(
    "text",
    [
        "Die Größe beträgt 12,50 € für zwei Straßen.",
        "Na stole leżą żółte jabłka, prawda?",
        "Příliš žluťoučký kůň úpěl ďábelské ódy",
        "L'été dernier, nous étions déjà là.",
        "Ankara'da çok güzel bir gün ışığı",
        "Những người Việt đã sống ở đây",
        'He said "yes" -- and left.',
    ],
)
def test_printed_latin_reads_the_languages_of_europe(latin: Recognizer, text: str) -> None:
    assert next(iter(latin.predict(typeset(text)))).text == text


@pytest.mark.parametrize("text", ["Η ημέρα ήταν καλή, είπε ο Γιώργος.", "Άνοιξε το αρχείο config.txt της εφαρμογής"])
def test_printed_greek_reads_greek_with_latin_words(text: str) -> None:
    assert next(iter(create_model(lang="el", device="cpu").predict(typeset(text)))).text == text


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("ru", "Съешь ещё этих мягких французских булок"),
        ("uk", "Щастям б’ється об її єдиний жовтий гак"),
        ("be", "У Іўі худы жвавы чорт"),
        ("bg", "Файлът config.txt липсва в папката за изтегляне"),
        ("sr", "Љубазни фењерџија чађавог лица"),
        ("mk", "Пејзаж: шугав билмез со чудење и ѓурѓица"),
    ],
)
def test_printed_cyrillic_reads_the_languages_of_europe(lang: str, text: str) -> None:
    model = create_model(lang=lang, device="cpu")
    assert model.spec.name == "printed_cyrillic"
    assert next(iter(model.predict(typeset(text)))).text == text


def test_printed_latin_has_the_charset_of_its_recipe(latin: Recognizer) -> None:
    assert set(latin.spec.charset) == set(CHARSETS["latin-print"])


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_model_is_stored_once(name: str) -> None:
    """One file of weights, which every back end reads."""
    folder = EMBEDDED_DIR / name
    large = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.stat().st_size > 1_000_000]
    assert large == ["inference/model.onnx"]
    line = typeset("Total 12.50 for 3 x 4")
    texts = {
        next(iter(create_model(name, device="cpu", backend=kind).predict(line))).text for kind in ("onnx", "torch")
    }
    assert texts == {"Total 12.50 for 3 x 4"}


def test_the_wheel_is_small() -> None:
    """The files that go into the wheel; compression only makes them smaller."""
    package = EMBEDDED_DIR.parents[1]
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < LARGEST_WHEEL


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_model_is_small_calibrated_and_described(name: str) -> None:
    folder = EMBEDDED_DIR / name
    assert sum(path.stat().st_size for path in folder.rglob("*")) < LARGEST
    assert (folder / "README.md").is_file()
    result = next(iter(create_model(name, device="cpu").predict(typeset("Total 12.50"))))
    assert result.text == "Total 12.50"
    assert result.confidence is not None and result.confidence > 0.5


def test_the_default_is_embedded() -> None:
    assert DEFAULT in EMBEDDED
