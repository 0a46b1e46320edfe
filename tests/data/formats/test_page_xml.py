from __future__ import annotations

from pathlib import Path

from ocrx.data.formats.page_xml import read_page_xml
from ocrx.data.formats.regions import Region, SkippedRegion

SQUARE = ((1.0, 2.0), (9.0, 2.0), (9.0, 8.0), (1.0, 8.0))


def _write(root: Path, lines: str, image: str = "a.png") -> None:
    (root / "a.png").write_bytes(b"x")
    (root / "a.xml").write_text(f'<PcGts><Page imageFilename="{image}"><T>{lines}</T></Page></PcGts>', "utf-8")


def test_the_lines_own_text_of_the_lowest_index_counts(tmp_path: Path) -> None:
    word = "<Word><Coords points='0,0 1,1 2,2'/><TextEquiv><Unicode>word</Unicode></TextEquiv></Word>"
    versions = "".join(f'<TextEquiv index="{i}"><Unicode>v{i}</Unicode></TextEquiv>' for i in (2, 1))
    coords = '<Coords points="1,2 9,2 9,8 1,8"/><Baseline points="1,7 9,7"/>'
    _write(tmp_path, f'<TextLine id="l1">{coords}{word}{versions}</TextLine>')
    assert list(read_page_xml(tmp_path)) == [
        Region(tmp_path / "a.png", SQUARE, "v1", "a.xml: line l1", ((1.0, 7.0), (9.0, 7.0)))
    ]


def test_words_make_the_text_of_a_line_that_has_none(tmp_path: Path) -> None:
    words = "".join(f"<Word><TextEquiv><Unicode>{word}</Unicode></TextEquiv></Word>" for word in ("two", "words"))
    coords = '<Coords points="9,8 1,8 1,2 9,2"/>'
    _write(tmp_path, f"<TextLine>{coords}{words}</TextLine><TextLine>{coords}<Word/></TextLine>")
    first, second = read_page_xml(tmp_path)
    assert isinstance(first, Region)
    assert (first.text, first.polygon) == ("two words", SQUARE)
    assert second == SkippedRegion("a.xml: line 2", "no text")


def test_the_form_of_2010(tmp_path: Path) -> None:
    points = "".join(f'<Point x="{x:.0f}" y="{y:.0f}"/>' for x, y in SQUARE)
    text = "<TextEquiv><Unicode>old</Unicode></TextEquiv>"
    _write(tmp_path, f"<TextLine><Coords>{points}</Coords>{text}</TextLine>")
    (region,) = read_page_xml(tmp_path)
    assert isinstance(region, Region)
    assert (region.polygon, region.text, region.source, region.baseline) == (SQUARE, "old", "a.xml: line 1", ())


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    text = "<TextEquiv><Unicode>x</Unicode></TextEquiv>"
    _write(tmp_path, f'<TextLine id="a"/><TextLine id="b"><Coords points="1,2 x"/>{text}</TextLine>')
    (tmp_path / "mets.xml").write_text("<mets/>")
    (tmp_path / "alto.xml").write_text("<alto><Layout><Page/></Layout></alto>")
    (tmp_path / "bare.xml").write_text("<PcGts><Page/></PcGts>")
    (tmp_path / "bomb.xml").write_text("<!DOCTYPE a []><a/>")
    assert set(read_page_xml(tmp_path)) == {
        SkippedRegion("a.xml: line a", "no text"),
        SkippedRegion("a.xml: line b", "coordinates are not numbers"),
        SkippedRegion("mets.xml", "not a PAGE file"),
        SkippedRegion("alto.xml", "not a PAGE file"),
        SkippedRegion("bare.xml", "no page image is named"),
        SkippedRegion("bomb.xml", "has a DOCTYPE, which may define entities; remove it"),
    }


def test_an_image_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    for name in ("../secret.png", str(tmp_path / "secret.png"), "link.png", "", "nul\x01.png", "x" * 5000):
        _write(root, "<TextLine/>", name.replace("\x01", ""))
        (found,) = read_page_xml(root)
        assert isinstance(found, SkippedRegion)
        assert found.reason.endswith("not found" if name else "no page image is named")
