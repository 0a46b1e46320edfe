"""Pages of PDF and TIFF files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from support.lines import draw_line
from support.pages import MILLION_PAGES

from ocrx.errors import DataError
from ocrx.inference import multipage
from ocrx.inference.multipage import pdf_pages, tiff_pages


def pdf(*sizes: tuple[int, int]) -> bytes:
    """A PDF of pages that have these sizes at 200 dpi."""
    content = io.BytesIO()
    first, *others = [Image.new("L", size, 200) for size in sizes]
    first.save(content, "PDF", save_all=True, append_images=others, resolution=200)
    return content.getvalue()


def test_the_size_of_a_page_is_known_before_it_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    render = pypdfium2.PdfPage.render
    monkeypatch.setattr(pypdfium2.PdfPage, "render", lambda *_, **__: pytest.fail("rendered"))
    pages = pdf_pages(pdf((400, 75), (100, 300)), "x.pdf")
    sizes = [page.size() for page in pages]
    assert sizes == [(400, 75), (100, 300)]
    monkeypatch.setattr(pypdfium2.PdfPage, "render", render)
    assert [page.load().size for page in pages] == sizes


def test_a_page_beyond_the_largest_image_is_rendered_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(multipage, "MAX_PIXELS", 2500)
    (page,) = pdf_pages(pdf((200, 200)), "x.pdf")
    assert page.size() == page.load().size == (50, 50)


def test_pages_and_frames_are_looked_for_up_to_a_limit(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    assert len(pdf_pages(MILLION_PAGES, "x.pdf", most=30)) == 30
    assert len(pdf_pages(pdf(*[(20, 20)] * 4), "x.pdf", most=30)) == 4
    first, *others = [draw_line(word, height=30) for word in ("a", "bc", "def")]
    first.save(tmp_path / "x.tif", save_all=True, append_images=others)
    assert len(tiff_pages(tmp_path / "x.tif", "x.tif", most=2)) == 2
    pages = tiff_pages(tmp_path / "x.tif", "x.tif")
    assert [page.size() for page in pages] == [page.load().size for page in pages] == [i.size for i in (first, *others)]


def test_a_page_that_is_not_there_is_named() -> None:
    pytest.importorskip("pypdfium2")
    last = pdf_pages(MILLION_PAGES, "x.pdf", most=30)[29]
    for call in (last.load, last.size):
        with pytest.raises(DataError, match=r"x\.pdf: page 30 is damaged"):
            call()
