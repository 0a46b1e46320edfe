"""Every key and every button of the page, in a real browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

import uvicorn
from PIL import Image
from support.browser import chromium
from support.lines import draw_line
from support.review import StubReader, accept, write_lines

from ocrx.review.access import Access
from ocrx.review.model_in_use import ModelInUse
from ocrx.review.server import create_app
from ocrx.review.session import ReviewSession
from ocrx.serving.listening import AccessCheck, address_of, open_socket

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

SCRIPT = "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"
TEXTS = ["Žižkov", "two", SCRIPT, "مرحبا", "five", "six"]


@dataclass
class Review:
    """A page and the review behind it."""

    page: Page
    context: BrowserContext
    session: ReviewSession
    model: ModelInUse
    address: str
    access: Access

    @property
    def shown(self) -> str:
        """Name of the image shown."""
        return (self.page.text_content("#source") or "").rpartition(" ")[2]

    def wait_for(self, name: str) -> None:
        """Wait until a line is shown with its image, and the page takes keys."""
        self.page.wait_for_function(
            "name => document.querySelector('#source').textContent.endsWith(name)"
            " && document.querySelector('#image').complete"
            " && document.hasFocus() && document.activeElement === document.querySelector('#text')",
            arg=name,
        )

    def state(self, key: str) -> tuple[str, str]:
        state = self.session.decisions.state(key)
        return state.status, state.text

    def open_tab(self, context: BrowserContext | None = None) -> Page:
        page = (context or self.context).new_page()
        page.goto(f"{self.address}/?token={self.access.new_token()}")
        page.wait_for_selector("#line:not([hidden])")
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "data", TEXTS)


@pytest.fixture
def review(browser: Browser, root: Path) -> Iterator[Review]:
    session = ReviewSession(root)
    model = ModelInUse(session, None, lambda path: pytest.fail("no model is opened"), "cpu")
    # The most likely error is line 4; then the order of the list.
    errors = {"04.png": 0.9, "00.png": 0.5, "01.png": 0.4, "02.png": 0.3, "03.png": 0.2, "05.png": 0.1}
    session.use_reader(StubReader({"04.png": "reading"}, errors))
    assert session.wait_for_ranking(60)

    access = Access()
    bound = open_socket("127.0.0.1", 0)
    bound.listen()
    app = AccessCheck(create_app(session, model, access))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=lambda: server.run(sockets=[bound]), daemon=True)
    thread.start()

    context = browser.new_context(viewport={"width": 1100, "height": 800})
    context.set_default_timeout(60_000)
    opened = Review(context.new_page(), context, session, model, address_of(bound), access)
    problems: list[str] = []
    opened.page.on("pageerror", lambda error: problems.append(str(error)))
    opened.page.goto(f"{opened.address}/?token={access.new_token()}")
    opened.wait_for("04.png")
    yield opened
    context.close()
    server.should_exit = True
    thread.join()
    session.close()
    assert not problems


def test_enter_accepts_what_was_typed(review: Review) -> None:
    review.page.keyboard.type("!")
    review.page.keyboard.press("Enter")
    review.page.wait_for_function("() => !document.querySelector('#source').textContent.endsWith('04.png')")
    assert review.state("04.png") == ("accepted", "five!")
    assert review.page.evaluate("document.activeElement.id") == "text"


def test_the_accept_button(review: Review) -> None:
    review.page.click("#accept")
    review.page.wait_for_function("() => !document.querySelector('#source').textContent.endsWith('04.png')")
    assert review.state("04.png") == ("accepted", "five")


def test_tab_takes_the_reading_and_then_moves_on(review: Review) -> None:
    review.page.wait_for_selector("#reading mark")
    review.page.keyboard.press("Tab")
    assert review.page.input_value("#text") == "reading"
    assert review.page.evaluate("document.activeElement.id") == "text"
    review.page.keyboard.press("Tab")
    assert review.page.evaluate("document.activeElement.id") != "text", "Tab is no trap"
    review.page.focus("#text")
    review.page.keyboard.press("Control+z")
    assert review.page.input_value("#text") == "five"


def test_the_take_button(review: Review) -> None:
    review.page.click("#take")
    assert review.page.input_value("#text") == "reading"
    assert review.page.is_hidden("#take")


def test_the_difference_is_marked_while_typing(review: Review) -> None:
    review.page.wait_for_selector("#overlay i")
    review.page.fill("#text", "reeding")
    assert review.page.locator("#reading mark").all_text_contents() == ["a"]
    assert review.page.text_content("#reading") == "reading"
    review.page.fill("#text", "re-adin")
    assert review.page.locator("#reading mark").all_text_contents() == ["", "g"]
    review.page.fill("#text", "reading")
    assert review.page.locator("#reading mark").count() == 0


def test_arrows_move(review: Review) -> None:
    page = review.page
    page.keyboard.press("ArrowDown")
    review.wait_for("00.png")
    page.keyboard.press("ArrowUp")
    review.wait_for("04.png")
    page.keyboard.press("ArrowUp")
    page.wait_for_function("() => document.querySelector('#message').textContent.includes('first line')")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    review.wait_for("00.png")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowLeft")
    review.wait_for("04.png")
    page.keyboard.press("ArrowLeft")
    assert review.shown == "04.png", "in the text field arrows to the sides move the cursor"
    assert review.session.progress()["open"] == 6


def test_the_buttons_next_and_previous(review: Review) -> None:
    review.page.click("#next")
    review.wait_for("00.png")
    review.page.click("#previous")
    review.wait_for("04.png")


@pytest.mark.parametrize("how", ["key", "button"])
@pytest.mark.parametrize(("status", "key"), [("unreadable", "Alt+u"), ("skipped", "Alt+s")])
def test_unreadable_and_skip(review: Review, how: str, status: str, key: str) -> None:
    if how == "key":
        review.page.keyboard.press(key)
    else:
        review.page.click("#unreadable" if status == "unreadable" else "#skip")
    review.wait_for("00.png")
    assert review.state("04.png")[0] == status


@pytest.mark.parametrize("how", ["key", "button"])
def test_rotate(review: Review, how: str) -> None:
    size = "[document.querySelector('#image').naturalWidth, document.querySelector('#image').naturalHeight]"
    width, height = review.page.evaluate(size)
    if how == "key":
        review.page.keyboard.press("Alt+r")
    else:
        review.page.click("#rotate")
    review.page.wait_for_function(f"() => JSON.stringify({size}) === '[{height},{width}]'")
    assert review.page.evaluate("document.body.classList.contains('tall')")
    review.page.keyboard.press("Enter")
    review.page.wait_for_function("() => !document.querySelector('#source').textContent.endsWith('04.png')")
    assert review.session.decisions.state("04.png").turns == 1


@pytest.mark.parametrize("how", ["key", "button"])
def test_undo_first_what_was_typed_then_decision_after_decision(review: Review, how: str) -> None:
    page = review.page

    def undo() -> None:
        if how == "key":
            page.keyboard.press("Control+z")
        else:
            page.click("#undo")

    for name in ("04.png", "00.png", "01.png"):
        review.wait_for(name)
        page.keyboard.press("Enter")
    review.wait_for("02.png")
    page.keyboard.insert_text("zzz")  # at once: what is typed after a pause is undone by itself
    undo()
    assert page.input_value("#text") == TEXTS[2]
    for name in ("01.png", "00.png", "04.png"):
        undo()
        review.wait_for(name)
    undo()
    page.wait_for_function("() => document.querySelector('#message').textContent.includes('Nothing is left')")
    assert review.session.progress()["open"] == 6


def test_a_double_enter_accepts_one_line(review: Review) -> None:
    review.page.evaluate("for (let i = 0; i < 3; i++) document.querySelector('#accept').click()")
    review.wait_for("00.png")
    assert review.session.progress()["accepted"] == 1


def test_insert_buttons(review: Review) -> None:
    review.page.fill("#text", "ab")
    review.page.press("#text", "ArrowLeft")
    review.page.click("[data-character='Ž']")
    assert review.page.input_value("#text") == "aŽb"
    review.page.keyboard.type("x")
    assert review.page.input_value("#text") == "aŽxb"


def test_labels_with_markup_are_text(review: Review) -> None:
    page = review.page
    for name in ("00.png", "01.png", "02.png"):
        page.keyboard.press("ArrowDown")
        review.wait_for(name)
    assert page.input_value("#text") == SCRIPT
    page.click("#find summary")
    page.fill("#query", "hacked")
    page.wait_for_selector("#found button")
    assert SCRIPT in (page.text_content("#found") or "")
    assert page.evaluate("window.hacked") is None


def test_right_to_left(review: Review) -> None:
    for name in ("00.png", "01.png", "02.png", "03.png"):
        review.page.keyboard.press("ArrowDown")
        review.wait_for(name)
    assert review.page.get_attribute("#text", "dir") == "rtl"
    assert review.page.evaluate("getComputedStyle(document.querySelector('#text')).direction") == "rtl"


def test_filter(review: Review) -> None:
    page = review.page
    page.click("#filters summary")
    page.fill("#filter [name=text]", "SIX")
    page.keyboard.press("Tab")
    review.wait_for("05.png")
    page.fill("#filter [name=text]", "")
    page.keyboard.press("Tab")
    page.fill("#filter [name=min_error]", "50")
    page.keyboard.press("Tab")
    review.wait_for("04.png")
    page.fill("#filter [name=min_error]", "")
    page.keyboard.press("Tab")
    page.wait_for_selector("#filter [name=finding] option[value=label-markup]", state="attached")
    page.select_option("#filter [name=finding]", "label-markup")
    review.wait_for("02.png")
    page.select_option("#filter [name=finding]", "")
    page.select_option("#filter [name=status]", "accepted")
    page.wait_for_selector("#done:not([hidden])")
    page.select_option("#filter [name=status]", "open")
    page.wait_for_selector("#line:not([hidden])")
    page.select_option("#filter [name=order]", "mixed")
    review.wait_for("04.png")
    page.keyboard.press("ArrowDown")
    review.wait_for("03.png")  # from the middle of the order, not the second most likely error


def test_search_and_jump(review: Review) -> None:
    review.page.click("#find summary")
    review.page.fill("#query", "train.txt:6")
    review.page.keyboard.press("Enter")
    review.wait_for("05.png")
    review.page.fill("#query", "two")
    review.page.click("#found button:has-text('two')")
    review.wait_for("01.png")


def test_spans_are_shown_where_the_pointer_is(review: Review) -> None:
    review.page.wait_for_selector("#overlay i >> nth=6", state="attached")
    review.page.hover("#overlay i >> nth=1")
    assert (review.page.get_attribute("#overlay i >> nth=1", "title") or "").startswith("e ")
    review.page.wait_for_selector("#reading .on")


def test_finish_writes_and_says_what(review: Review, root: Path) -> None:
    review.page.keyboard.type("!")
    review.page.keyboard.press("Enter")
    review.wait_for("00.png")
    review.page.click("#finish")
    review.page.wait_for_function("() => document.querySelector('#message').textContent.includes('1 labels written')")
    assert "04.png\tfive!\n" in (root / "train.txt").read_text(encoding="utf-8")
    assert (root / "train.txt.bak").is_file()


def test_two_tabs_conflict_visibly(review: Review) -> None:
    other = review.open_tab()
    other.wait_for_function("() => !document.querySelector('#source').textContent.endsWith('04.png')")
    other.click("#find summary")
    other.fill("#query", "04.png")
    other.keyboard.press("Enter")
    other.wait_for_function("() => document.querySelector('#source').textContent.endsWith('04.png')")
    other.focus("#text")
    other.keyboard.type(" theirs")
    review.page.keyboard.type(" mine")
    review.page.keyboard.press("Enter")
    review.page.wait_for_function("() => !document.querySelector('#source').textContent.endsWith('04.png')")

    other.keyboard.press("Enter")
    other.wait_for_selector("#banner:not([hidden])")
    banner = other.text_content("#banner") or ""
    assert "another window" in banner
    assert "five theirs" in banner, "what was typed is not lost"
    assert other.input_value("#text") == "five mine"
    assert review.state("04.png") == ("accepted", "five mine")
    other.close()


def test_another_browser_joins(review: Review, browser: Browser) -> None:
    review.page.click("#invite")
    review.page.wait_for_selector("#address:not([hidden])")
    address = (review.page.text_content("#address") or "").rpartition(" ")[2]
    other = browser.new_context()
    page = other.new_page()
    page.goto(address)
    page.wait_for_selector("#line:not([hidden])", timeout=60_000)
    other.close()


def test_a_change_by_another_program_is_noticed(review: Review, root: Path) -> None:
    accept(review.session, "01.png", "TWO")
    rows = (root / "train.txt").read_text(encoding="utf-8").replace("\ttwo\n", "\tdue\n")
    (root / "train.txt").write_text(rows, encoding="utf-8")
    review.page.wait_for_function("() => document.querySelector('#message').textContent.includes('train.txt')")
    review.page.keyboard.press("ArrowDown")
    review.wait_for("00.png")
    review.page.keyboard.press("ArrowDown")
    review.wait_for("01.png")
    banner = review.page.text_content("#banner") or ""
    assert "due" in banner
    assert "TWO" in banner


def test_label_files_that_cannot_be_read_are_named(review: Review, root: Path) -> None:
    for name in ("train.txt", "val.txt"):
        (root / name).unlink()
    review.page.wait_for_function("() => document.querySelector('#message').textContent.includes('no line to review')")


def test_an_image_that_finish_turned_is_read_again(review: Review) -> None:
    review.page.wait_for_selector("#reading mark")
    review.page.click("#rotate")
    review.page.click("#accept")
    review.wait_for("00.png")
    review.page.click("#finish")
    review.page.wait_for_function("() => document.querySelector('#message').textContent.includes('1 images turned')")
    with review.page.expect_request(lambda sent: "/api/reading" in sent.url and "04.png" in sent.url):
        review.page.keyboard.press("ArrowUp")


def test_progress_theme_and_keys(review: Review) -> None:
    page = review.page
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#counts').textContent.startsWith('1 of 6')")
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(colour) != before
    page.click("#help summary")
    assert page.is_visible("#keys")


def test_train_says_why_it_cannot_begin_and_shows_a_training(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    page = review.page
    page.click("#training summary")
    page.click("#train button[type=submit]")
    page.wait_for_selector("#banner:not([hidden])")
    assert "no model to train" in (page.text_content("#banner") or "")

    review.model.fine_tuning.state = "running"
    review.model.fine_tuning.message = "training on 12 lines"
    page.wait_for_selector("#stop:not([hidden])")
    monkeypatch.setattr(review.model.fine_tuning, "stop", lambda: setattr(review.model.fine_tuning, "state", "stopped"))
    page.click("#stop")
    page.wait_for_selector("#stop", state="hidden")


def test_a_server_that_is_gone_is_said_and_the_text_stays(review: Review) -> None:
    review.page.route("**/api/decide*", lambda route: route.abort())
    review.page.keyboard.type("!")
    review.page.keyboard.press("Enter")
    review.page.wait_for_selector("#banner:not([hidden])")
    assert "not saved" in (review.page.text_content("#banner") or "")
    assert review.page.input_value("#text") == "five!"
    review.page.unroute("**/api/decide*")
    review.page.keyboard.press("Enter")
    review.wait_for("00.png")
    assert review.state("04.png") == ("accepted", "five!")


def test_a_missing_image_is_said(review: Review, root: Path) -> None:
    (root / "00.png").unlink()
    review.page.keyboard.press("ArrowDown")
    review.page.wait_for_selector("#broken:not([hidden])")


def test_a_phone_shows_everything_without_scrolling_sideways(review: Review) -> None:
    review.page.set_viewport_size({"width": 360, "height": 740})
    assert review.page.evaluate("document.documentElement.scrollWidth") <= 360
    for name in ("accept", "unreadable", "skip", "rotate", "undo", "previous", "next", "finish"):
        box = review.page.locator(f"#{name}").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["height"] >= 32


def test_a_vertical_line_stands_beside_its_text(browser: Browser, review: Review, root: Path) -> None:
    draw_line("vertical").transpose(Image.Transpose.ROTATE_270).save(root / "00.png")
    review.page.keyboard.press("ArrowDown")
    review.page.wait_for_function("() => document.body.classList.contains('tall')")
    image, text = (review.page.locator(name).bounding_box() for name in ("#image", "#text"))
    assert image is not None
    assert text is not None
    assert image["x"] + image["width"] <= text["x"]


def test_a_text_that_is_written_vertically_runs_from_top_to_bottom(review: Review, root: Path) -> None:
    page = review.page
    draw_line("vertical").transpose(Image.Transpose.ROTATE_270).save(root / "00.png")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => document.body.classList.contains('tall')")
    mode = "getComputedStyle(document.querySelector('#text')).writingMode"
    assert page.evaluate(mode) == "horizontal-tb", "Latin letters would lie on their sides"
    review.wait_for("00.png")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("縦書き")
    assert page.evaluate(mode) == "vertical-rl"
    box = page.locator("#text").bounding_box()
    assert box is not None
    assert box["height"] > 2 * box["width"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    # Keys along the text move the cursor, those across it move to other lines.
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.querySelector('#text').selectionStart") == 2
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.querySelector('#text').selectionStart") == 3
    page.keyboard.press("ArrowLeft")
    review.wait_for("01.png")
    assert page.evaluate(mode) == "horizontal-tb"


def test_everything_has_a_name_for_screen_readers(review: Review) -> None:
    unnamed = review.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, [tabindex], progress, ul, section')]
        .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length)))
        .map((e) => e.id || e.name || e.outerHTML)"""
    )
    assert set(unnamed) <= set()
    assert review.page.get_attribute("html", "lang") == "en"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_of_text_and_buttons(review: Review, theme: str) -> None:
    review.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    pairs: list[Any] = review.page.evaluate(
        """() => [...document.querySelectorAll('h1, p, button, label, summary, mark, input')].map((e) => {
          const clear = (one) => /rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(one).backgroundColor);
          let ground = e;
          while (ground !== document.body && clear(ground)) ground = ground.parentElement;
          return [e.id || e.tagName, getComputedStyle(e).color, getComputedStyle(ground).backgroundColor];
        })"""
    )
    poor = [pair for pair in pairs if contrast(pair[1], pair[2]) < 4.5]
    assert not poor, json.dumps(poor)


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two CSS colours, as WCAG defines it."""
    lights = []
    for colour in (first, second):
        channels = [float(value) / 255 for value in colour.partition("(")[2].rstrip(")").split(",")[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)
