from __future__ import annotations

from pathlib import Path

from ocrx.data.formats.alto import read_alto
from ocrx.data.formats.regions import Region, SkippedRegion

PLACE = 'HPOS="10" VPOS="20" WIDTH="100" HEIGHT="30"'


def _write(root: Path, lines: str, head: str = "", page: str = "<Page>") -> list[Region | SkippedRegion]:
    (root / "a.png").write_bytes(b"x")
    (root / "a.xml").write_text(f"<alto>{head}<Layout>{page}{lines}</Page></Layout></alto>", "utf-8")
    return list(read_alto(root))


def test_words_outline_and_baseline(tmp_path: Path) -> None:
    words = '<String CONTENT="two"/><SP/><String CONTENT="words"/><HYP CONTENT="-"/>'
    shape = '<Shape><Polygon POINTS="1,2 9,2 9,8 5,9"/></Shape>'
    lines = f'<TextLine ID="l1" {PLACE} BASELINE="1,8 9,8">{shape}{words}</TextLine>'
    lines += f'<TextLine {PLACE} BASELINE="44"><String CONTENT="box"/></TextLine>'
    first, second = _write(tmp_path, lines)
    assert isinstance(first, Region)
    assert isinstance(second, Region)
    assert (first.text, first.source, first.units) == ("two words-", "a.xml: line l1", None)
    assert first.polygon == ((1.0, 2.0), (9.0, 2.0), (9.0, 8.0), (5.0, 9.0))
    assert (first.baseline, second.baseline) == (((1.0, 8.0), (9.0, 8.0)), ())
    assert second.polygon == ((10.0, 20.0), (110.0, 20.0), (110.0, 50.0), (10.0, 50.0))


def test_the_named_image_comes_first(tmp_path: Path) -> None:
    (tmp_path / "other.png").write_bytes(b"x")
    named = "<Description><sourceImageInformation><fileName>scans/other.png</fileName></sourceImageInformation>"
    line = f'<TextLine {PLACE}><String CONTENT="x"/></TextLine>'
    (region,) = _write(tmp_path, line, named + "</Description>")
    assert isinstance(region, Region)
    assert region.page.name == "other.png"


def test_other_units_need_the_size_of_the_page(tmp_path: Path) -> None:
    head = "<Description><MeasurementUnit>inch1200</MeasurementUnit></Description>"
    line = f'<TextLine {PLACE}><String CONTENT="x"/></TextLine>'
    (region,) = _write(tmp_path, line, head, '<Page WIDTH="800" HEIGHT="600">')
    assert isinstance(region, Region)
    assert region.units == (800.0, 600.0)
    (region,) = _write(tmp_path, line, "", '<Page WIDTH="0" HEIGHT="0">')
    assert isinstance(region, Region)
    assert region.units is None
    for page in ("<Page>", '<Page WIDTH="0" HEIGHT="0">'):
        (found,) = _write(tmp_path, line, head, page)
        assert isinstance(found, SkippedRegion)


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.xml").write_text("<PcGts/>")
    found = _write(tmp_path, f'<TextLine ID="e" {PLACE}/><TextLine ID="p"><String CONTENT="x"/></TextLine>')
    assert found == [
        SkippedRegion("a.xml: line e", "no text"),
        SkippedRegion("a.xml: line p", "coordinates are not numbers"),
        SkippedRegion("page.xml", "not an ALTO file"),
    ]
