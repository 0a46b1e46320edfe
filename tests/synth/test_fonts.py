from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from PIL import features

from ocrx.synth import fonts
from ocrx.synth.font_facts import FontFacts
from ocrx.synth.font_files import KINDS, Face, classify_face, matplotlib_folder
from ocrx.synth.fonts import FontBook

EVENLY = (1.0,) * len(KINDS)


@pytest.fixture(scope="module")
def book() -> FontBook:
    return FontBook([matplotlib_folder()])


def test_a_face_covers_what_it_draws(book: FontBook) -> None:
    sans = next(face for face in book.faces if face.name == "DejaVu Sans Book")
    assert book.covers(sans, "Total: 5,00 € – “Ж” Ω ώ")
    assert not book.covers(sans, "中")
    assert not book.covers(sans, "a\U000f1234")
    assert book.covers(sans, "ª º ĸ ʰ"), "small letters without a capital"
    assert book.covers(sans, "می\u200cخواهم \u200d"), "joiners have no ink"


@pytest.mark.skipif(not features.check("raqm"), reason="needs libraqm")
def test_faces_with_shapes_of_a_language_are_preferred_in_it(book: FontBook) -> None:
    faces = {face.name: face for face in book.faces}
    assert book.has_local_shapes(faces["DejaVu Sans Book"], "sr")
    assert not book.has_local_shapes(faces["DejaVu Sans Book"], "bg")
    few = FontBook([matplotlib_folder()])
    few.has_local_shapes = lambda face, language: language == "sr" and "Oblique" in face.name  # type: ignore[method-assign]
    shares = {
        language: sum("Oblique" in few.pick(Random(i), EVENLY, "дебео", 1.0, language).name for i in range(400))  # type: ignore[union-attr]  # DejaVu covers it
        for language in ("sr", "ru")
    }
    assert shares["sr"] > shares["ru"] + 40


def test_each_size_of_a_bitmap_font_is_asked_for_itself(book: FontBook) -> None:
    sans = next(face for face in book.faces if face.name == "DejaVu Sans Book")
    small, large = replace(sans, size=12), replace(sans, size=20)
    assert not book.covers(small, "中")
    assert not book.covers(large, "文")
    assert book.covers(small, "a") and book.covers(large, "b")


def test_a_rare_script_takes_its_few_faces_alike(book: FontBook) -> None:
    """The faces are far fewer than the others, so chance alone finds none of them."""
    rare = [replace(face, path=f"rare{i}", kind="plain") for i, face in enumerate(book.faces[:3])]
    pixel = replace(book.faces[0], path="pixel", kind="pixel")
    many = FontBook([matplotlib_folder()])
    many.faces = (*[replace(face, path=f"{n}{face.path}") for n in range(60) for face in book.faces], *rare, pixel)
    many.covers = lambda face, text: face in (*rare, pixel)  # type: ignore[method-assign]
    no_pixels = tuple(float(kind != "pixel") for kind in KINDS)
    counts = Counter(face.path for i in range(300) if (face := many.pick(Random(i), no_pixels, "ಕ")))
    assert min(counts[f"rare{i}"] for i in range(3)) > 70
    assert counts["pixel"] < 10


@pytest.fixture
def right_to_left(book: FontBook, monkeypatch: pytest.MonkeyPatch) -> FontBook:
    """Two faces with Arabic letters, one named after them; an oblique one; and many of bitmaps."""
    sans = next(face for face in book.faces if face.name == "DejaVu Sans Book")
    named = classify_face(sans.path, 0, "Noto Naskh Arabic", "Regular", False)
    assert named is not None
    oblique = replace(sans, family="Oblique", style="Oblique", kind="plain")
    bitmaps = [replace(sans, family=f"Bitmap {i}", kind="pixel") for i in range(50)]
    monkeypatch.setattr(fonts, "find_faces", lambda *_: [sans, named, oblique, *bitmaps])
    return FontBook([matplotlib_folder()])


def test_faces_of_right_to_left_scripts_draw_these_alone(right_to_left: FontBook) -> None:
    def families(text: str) -> Counter[str]:
        picked = [right_to_left.pick(Random(i), EVENLY, text) for i in range(200)]
        return Counter(face.family for face in picked if face)

    assert families("سلام 12")["Noto Naskh Arabic"] > 20
    assert families("Total 12")["Noto Naskh Arabic"] == 0


def test_right_to_left_lines_keep_the_weights_of_the_kinds(right_to_left: FontBook) -> None:
    weights = tuple({"core": 3.0, "plain": 6.0, "pixel": 1.0}.get(kind, 5.0) for kind in KINDS)
    picked = [right_to_left.pick(Random(i), weights, "سلام", italics=0.2) for i in range(500)]
    kinds = Counter(face.kind for face in picked if face)
    assert kinds["plain"] > kinds["core"] > kinds["pixel"] > 0
    assert 10 < sum(face.italic for face in picked if face) < 60


def test_only_covering_faces_are_picked(book: FontBook) -> None:
    for i in range(40):
        face = book.pick(Random(i), EVENLY, "Жук и γάτα")
        assert face is not None and face.family.startswith(("DejaVu", "STIX"))
    assert book.pick(Random(0), EVENLY, "中文") is None


def test_families_count_alike_and_italics_can_be_kept_out(book: FontBook) -> None:
    picked = [book.pick(Random(i), (0, 0, 0, 0, 0, 1), "abc", 0.0) for i in range(300)]
    counts = Counter(face.family for face in picked if face)
    assert set(counts) == {"DejaVu Sans", "DejaVu Serif"}
    assert min(counts.values()) > 80
    assert not any(face.italic for face in picked if face)


def test_opened_faces_are_bounded(book: FontBook) -> None:
    small = FontBook([matplotlib_folder()], keep_open=3)
    for size in range(10, 20):
        small.open(small.faces[0], size)
    assert len(small._fonts) == 3
    assert small.open(small.faces[0], 19) is small.open(small.faces[0], 19)


def asked(book: FontBook, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The characters that are rendered from now on to find out whether a face has them."""
    rendered: list[str] = []
    find_out = book._has

    def has(face: Face, character: str) -> bool:
        rendered.append(character)
        return find_out(face, character)

    monkeypatch.setattr(book, "_has", has)
    return rendered


def test_what_another_process_learned_is_not_found_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = FontBook([matplotlib_folder()]), FontBook([matplotlib_folder()])
    sans = next(face for face in here.faces if face.name == "DejaVu Sans Book")
    assert here.covers(sans, "abc") and not here.covers(sans, "中")
    there.learn(here.take_learned())
    assert here.take_learned() == []
    rendered = asked(there, monkeypatch)
    assert there.covers(sans, "cab") and not there.covers(sans, "b中")
    assert rendered == []
    assert there.covers(sans, "cd") and rendered == ["d"]
    assert [(face.has, face.lacks) for face in there.take_learned()] == [("abcd", "中")]


def test_what_an_earlier_run_learned_is_not_found_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def book() -> FontBook:
        return FontBook([matplotlib_folder()], facts=FontFacts(tmp_path / "fonts.json"))

    first = book()
    sans = next(face for face in first.faces if face.name == "DejaVu Sans Book")
    assert first.covers(sans, "abc") and not first.covers(sans, "中")
    first.save_facts()
    second = book()
    rendered = asked(second, monkeypatch)
    assert second.faces == first.faces
    assert second.covers(sans, "cab") and not second.covers(sans, "a中") and rendered == []


def test_a_pickled_book_picks_the_same_faces() -> None:
    book = FontBook([matplotlib_folder()])
    book.open(book.faces[0], 20)
    book.pick(Random(0), EVENLY, "abc")
    copied = pickle.loads(pickle.dumps(book))
    assert copied._fonts == {} and len(book._fonts) > 0
    assert [copied.pick(Random(i), EVENLY, "Total 5") for i in range(9)] == [
        book.pick(Random(i), EVENLY, "Total 5") for i in range(9)
    ]
