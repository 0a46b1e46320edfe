"""Every kind of input, and every kind of bad input."""

from __future__ import annotations

import contextlib
import http.server
import io
import os
import socket
import socketserver
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.lines import draw_line
from support.pages import LOCKED_PDF

from ocrx.errors import DataError
from ocrx.inference import multipage
from ocrx.inference.download import Download
from ocrx.inference.inputs import from_array, iter_inputs


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def names(source: object) -> list[str | None]:
    return [item.name for item in iter_inputs(source)]


def test_a_folder_is_read_with_subfolders_sorted_in_any_letter_case(images: Path) -> None:
    (images / ".hidden.png").write_bytes(b"")
    (images / "notes.txt").write_text("no image")
    found = names(str(images))
    assert len(found) == 10
    assert found == [*sorted(found[:-1]), str(images / "deep" / "z.PNG")]


def test_patterns_lists_and_generators(images: Path, tmp_path: Path) -> None:
    listed = tmp_path / "images" / "list.txt"
    listed.write_text("00.png\ttext\r\n\n01.jpg\n", encoding="utf-8-sig")
    assert len(names(f"{images}/*.jpg")) == 3
    assert len(names(f"{images}/**/*.PNG")) == 1
    assert names(f"@{listed}") == [str(images / "00.png"), str(images / "01.jpg")]
    assert names([str(images / "00.png"), images / "01.jpg"]) == [str(images / "00.png"), str(images / "01.jpg")]
    assert names(str(p) for p in [images / "00.png"]) == [str(images / "00.png")]


def test_a_list_continues_after_an_invalid_address(images: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"http://[::1\n{images / '00.png'}\n")
    bad, good = iter_inputs(f"@{tmp_path / 'list.txt'}")
    with pytest.raises(DataError, match=r"http://\[::1: not a URL"):
        bad.load()
    assert good.load().size


def test_a_list_that_names_itself_is_read_once(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = images / "00.png"
    Path("self.txt").write_text(f"@self.txt\n{image}\n")
    Path("first.txt").write_text(f"@second.txt\n{image}\n")
    Path("second.txt").write_text("@./first.txt\n@other.txt\n@other.txt\n")
    Path("other.txt").write_text(f"{image}\n")
    for listed, named, count in (("self.txt", "self.txt", 1), ("first.txt", "./first.txt", 3)):
        bad, *good = iter_inputs(f"@{listed}")
        with pytest.raises(DataError, match=f"{named}: the list names itself"):
            bad.load()
        assert [item.name for item in good] == [str(image)] * count


def test_inputs_are_found_lazily() -> None:
    def endless() -> Iterator[Image.Image]:
        while True:
            yield draw_line("x")

    items = iter_inputs(endless())
    assert next(items).load().size == draw_line("x").size


def test_pictures_in_memory_are_the_same_picture() -> None:
    line = draw_line("abc")
    pixels = np.asarray(line)
    rgb = np.stack([pixels] * 3, axis=2)
    opaque = np.dstack([rgb, np.full_like(pixels, 255)])
    sources: list[object] = [line, png(line), bytearray(png(line)), memoryview(png(line)), pixels, {"img": pixels}]
    sources += [pixels[:, :, None], rgb, opaque, rgb.transpose(2, 0, 1), pixels.astype(float), pixels / 255.0]
    sources += [
        (pixels / 255.0).astype(np.float16),
        pixels.astype(np.int64),
        pixels.astype(np.uint16) * 257,
        pixels > 127,
    ]
    for source in sources:
        (item,) = iter_inputs(source)
        assert item.name is None
        read = np.asarray(item.load().convert("L")).astype(int)
        loose = 130 if isinstance(source, np.ndarray) and source.dtype == np.bool_ else 1
        assert np.abs(read - pixels).max() <= loose, type(source)


def test_colours_are_red_green_blue_and_transparency_is_white() -> None:
    array = np.zeros((4, 4, 4), dtype=np.uint8)
    array[:, :2] = (255, 0, 0, 255)
    image = from_array(array)
    assert image.getpixel((0, 0)) == (255, 0, 0)
    assert image.getpixel((3, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 5)), "shape"),
        (np.zeros(5), "shape"),
        (np.zeros((2, 3, 4, 5)), "shape"),
        (np.zeros((5, 5, 2)), "shape"),
        (np.full((4, 4), np.nan), "nan"),
        (np.full((4, 4), -0.5), "-0.5"),
        (np.full((4, 4), 1e9), "1e+09"),
        (np.array([["a", "b"]]), "<U1"),
        (np.zeros((4, 4), dtype=complex), "complex"),
    ],
)
def test_arrays_that_are_not_images_are_named_errors(array: np.ndarray, message: str) -> None:
    (item,) = iter_inputs(array)
    with pytest.raises(DataError, match=message.replace("+", r"\+")):
        item.load()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.png", "no such file"),
        ("", "an empty path"),
        ("*.nothing", "matches nothing"),
        ("@missing.txt", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("nul\0byte.png", "cannot be read"),
        ("nul\0byte.pdf", "cannot be read"),
        (Path("nul\0byte.pdf"), "cannot be read"),
        ("@a\0b", "cannot be read"),
        ("nul\0/*.png", "cannot be read"),
        ("http://[::1", "not a URL"),
        (b"", "empty"),
        (b"hello", "not an image"),
        (None, "NoneType"),
        (3, "int"),
        ({"image": 1}, "without 'img'"),
        ({"img": "missing.png"}, "no such file"),
        ("missing.pdf", "no such file"),
        ("missing.tif", "no such file"),
        (b"%PDF-1.4 nonsense", "damaged PDF"),
        (b"II*\0nonsense", "image"),
    ],
)
def test_an_unreadable_input_is_one_result_that_says_why(source: object, message: str) -> None:
    (item,) = iter_inputs(source)
    with pytest.raises(DataError, match=message):
        item.load()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", ["pipe.png", "pipe.tif", "pipe.pdf", "@pipe.txt"])
def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(name.removeprefix("@"))
    (item,) = iter_inputs(name)
    with pytest.raises(DataError, match="not a regular file"):
        item.load()


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    (item,) = iter_inputs(tmp_path)
    with pytest.raises(DataError, match="no images"):
        item.load()


def test_a_folder_named_like_an_image_is_searched(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    (item,) = iter_inputs(tmp_path / "x.png")
    with pytest.raises(DataError, match="no images"):
        item.load()


def test_every_frame_of_a_tiff_is_an_input(tmp_path: Path) -> None:
    first, second = draw_line("one"), draw_line("two")
    first.save(tmp_path / "two.tif", save_all=True, append_images=[second])
    first.save(tmp_path / "one.tif")
    items = list(iter_inputs(tmp_path / "two.tif"))
    assert [item.page_index for item in items] == [0, 1]
    assert [item.load().size for item in items] == [first.size, second.size]
    assert [item.page_index for item in iter_inputs((tmp_path / "two.tif").read_bytes())] == [0, 1]
    assert [item.page_index for item in iter_inputs(tmp_path / "one.tif")] == [None]


def test_every_page_of_a_pdf_is_an_input(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    pages = [draw_line("one").convert("RGB"), draw_line("two 2").convert("RGB")]
    pages[0].save(tmp_path / "two.pdf", save_all=True, append_images=pages[1:], resolution=200)
    items = list(iter_inputs(str(tmp_path / "two.pdf")))
    assert [(item.name, item.page_index) for item in items] == [
        (str(tmp_path / "two.pdf"), 0),
        (str(tmp_path / "two.pdf"), 1),
    ]
    for item, page in zip(items, pages, strict=True):
        image = item.load()
        assert abs(image.width - page.width) <= 2
        assert np.asarray(image.convert("L")).min() < 60


# PDFium finds the objects by itself; the second page is none.
DAMAGED_PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R 4 0 R 3 0 R]/Count 3>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 50]>>endobj
4 0 obj null endobj
trailer<</Root 1 0 R/Size 5>>
startxref
0
%%EOF
"""


def test_a_damaged_page_of_a_pdf_is_named_and_the_others_are_read() -> None:
    pytest.importorskip("pypdfium2")
    first, damaged, last = iter_inputs(DAMAGED_PDF)
    with pytest.raises(DataError, match=r"bytes: page 2 is damaged \("):
        damaged.load()
    assert first.load().size == last.load().size == (278, 139)


def test_a_pdf_is_not_closed_while_another_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    closed = threading.Event()
    close = pypdfium2.PdfDocument.close

    def noted(document: object) -> None:
        close(document)
        closed.set()

    monkeypatch.setattr(pypdfium2.PdfDocument, "close", noted)
    pages, released = list(iter_inputs(DAMAGED_PDF)), threading.Event()

    def release() -> None:
        pages.clear()
        released.set()

    closer = threading.Thread(target=release)
    with multipage._PDFIUM:  # as while a page is rendered
        closer.start()
        assert not released.wait(0.2)
    closer.join()
    assert closed.is_set()


def test_a_pdf_with_a_password_says_so() -> None:
    pytest.importorskip("pypdfium2")
    (item,) = iter_inputs(LOCKED_PDF)
    with pytest.raises(DataError, match="password"):
        item.load()


def bomb() -> bytes:
    """A PNG of 20000 x 20000 pixels in a few hundred bytes of header."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_difficult_images_are_read_or_rejected_by_name(tmp_path: Path) -> None:
    grey = draw_line("abc")
    truth = np.asarray(grey).astype(int)
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    grey.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    grey.convert("P").save(tmp_path / "palette.png", transparency=bytes([255] * 255 + [0]))
    grey.convert("1").save(tmp_path / "bits.tif")
    grey.convert("LA").save(tmp_path / "alpha.png")
    for name in ("sixteen.png", "cmyk.jpg", "palette.png", "bits.tif", "alpha.png"):
        (item,) = iter_inputs(tmp_path / name)
        assert np.abs(np.asarray(item.load().convert("L")).astype(int) - truth).mean() < 12, name
    (item,) = iter_inputs(bomb())
    with pytest.raises(DataError, match="pixels"):
        item.load()


def test_a_turned_photograph_is_turned_back() -> None:
    line = draw_line("upright")
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    line.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", exif=exif, quality=95)
    for source in (buffer.getvalue(), Image.open(buffer)):
        (item,) = iter_inputs(source)
        assert np.abs(np.asarray(item.load()).astype(int) - np.asarray(line)).mean() < 5


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/hang.png":
            time.sleep(2.0)
            return
        if self.path == "/missing.png":
            self.send_error(404)
            return
        if self.path == "/file.png":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/drip.png":
            with contextlib.suppress(OSError):
                for _ in range(40):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.05)
        elif self.path == "/large.png":
            self.wfile.write(b"x" * 4096)
        else:
            self.wfile.write(png(draw_line("web")))

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_image_from_the_web(web: str) -> None:
    (item,) = iter_inputs(f"{web}/line.png")
    assert item.name == f"{web}/line.png"
    assert item.load().size == draw_line("web").size


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/missing.png", "404"),
        ("/hang.png", "no answer within 0.3 s"),
        ("/drip.png", "not complete after 0.5 s"),
        ("/large.png", "refused"),
        ("/file.png", r"cannot be reached \(.*file://"),
    ],
)
def test_the_web_has_limits(web: str, path: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.inference.download.MAX_BYTES", 2000)
    with pytest.raises(DataError, match=message):
        # The deadline is far from the limit that is meant, as the machine may be busy.
        Download(
            web + path, stall_s=0.3 if path == "/hang.png" else 60, total_s=0.5 if path == "/drip.png" else 60
        ).data()


def drip(connection: socket.socket, data: bytes) -> None:
    """Send a byte every 20 ms for as long as somebody listens, at most 10 seconds."""
    for number in range(500):
        connection.sendall(data[number % len(data) : number % len(data) + 1])
        time.sleep(0.02)


ANSWERS: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "headers that come byte by byte": (
        lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000),
        "not complete after 0.6 s",
    ),
    "interim answers without end": (
        lambda connection: drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n"),
        "not complete after 0.6 s",
    ),
    "redirects in a circle": (
        lambda connection: connection.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        r"cannot be read \(.*redirects",
    ),
    "junk": (lambda connection: connection.sendall(b"\x1b[31mjunk" * 5000), r"cannot be read"),
    "less than announced": (
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort"),
        r"cannot be read \(peer closed connection without sending complete message body",
    ),
    "a compressed answer": (
        lambda connection: connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
        ),
        "compressed answer",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_server_that_misbehaves_is_a_short_error(name: str) -> None:
    answer, message = ANSWERS[name]

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.connection.recv(4096)
                answer(self.connection)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/x.png"
        with pytest.raises(DataError, match=message) as error:
            Download(address, stall_s=5, total_s=0.6 if "0.6" in message else 60).data()
        server.shutdown()
    assert len(error.value.message) < 300 and error.value.message.isprintable()


def test_an_address_where_nothing_listens() -> None:
    (item,) = iter_inputs("http://127.0.0.1:9/x.png")
    with pytest.raises(DataError, match=r"http://127.0.0.1:9/x.png: cannot be reached"):
        item.load()


def test_an_open_file_is_one_image(tmp_path: Path) -> None:
    line = draw_line("open")
    line.save(tmp_path / "x.png")
    with (tmp_path / "x.png").open("rb") as file:
        (item,) = iter_inputs(file)
        assert item.name == str(tmp_path / "x.png") and item.load().size == line.size
    (item,) = iter_inputs(io.BytesIO(png(line)))
    assert item.name is None and item.load().size == line.size
    (tmp_path / "x.txt").write_text("one\ntwo\n")
    with (tmp_path / "x.txt").open(encoding="utf-8") as text:
        (item,) = iter_inputs(text)
    with pytest.raises(DataError, match=r"x\.txt: opened as text"):
        item.load()
    (item,) = iter_inputs(file)
    with pytest.raises(DataError, match=r"x\.png: cannot be read"):
        item.load()
