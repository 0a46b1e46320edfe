"""``ocrx review``: a local page to check labels, with a model that reads along and learns from what is confirmed."""

from __future__ import annotations

import gc
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrx.config import Config
from ocrx.errors import ConfigError
from ocrx.inference.discovery import find_model
from ocrx.review.model_in_use import ModelInUse
from ocrx.review.session import ReviewSession
from ocrx.serving.listening import AccessCheck, address_of, open_socket, require_packages, run_app
from ocrx.zoo.languages import model_for_language

if TYPE_CHECKING:
    from ocrx.inference.recognizer import Recognizer

Log = Callable[[str], None]

HOST = "127.0.0.1"
NO_MODEL = "none"
"""As the model: look for findings alone."""

_PACKAGES = ("fastapi", "uvicorn")
_GRACE_S = 2.0


@dataclass(frozen=True)
class ReviewReport:
    """What a review left behind.

    Attributes:
        root: The folder that was reviewed.
        lines: Number of lines.
        open: Lines that are not decided.
        accepted: Lines with a confirmed text.
        corrected: Of them, those whose label was changed.
        unreadable: Lines marked as unreadable.
        skipped: Lines that were skipped.
        files: Label files that were written at the end.
        outside: Places whose label another program changed meanwhile; they were left as they are.
    """

    root: Path
    lines: int
    open: int
    accepted: int
    corrected: int
    unreadable: int
    skipped: int
    files: tuple[str, ...]
    outside: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
        """
        return {**asdict(self), "root": str(self.root)}


def run(config: Config, log: Log, port: int = 0, open_browser: bool = True) -> ReviewReport:
    """Serve the page until Ctrl-C or SIGTERM, then write the decisions into the label files.

    Args:
        config: The configuration.
        log: Takes one line for the user.
        port: Port on the loopback interface; 0 takes a free one.
        open_browser: Open the page in the user's browser.

    Returns:
        What the review left behind.

    Raises:
        ConfigError: Without ``Global.dataset_dir``, or if the port cannot be used.
        DataError: If there is nothing to review, or the folder cannot be written to.
        ModelError: If there is no such model.
        BackendError: If the packages of the extra ``serve`` are missing.
    """
    require_packages("serve", _PACKAGES)
    if not config.Global.dataset_dir:
        hint = "ocrx review DIR, or -o Global.dataset_dir=DIR"
        raise ConfigError("Global.dataset_dir: not given", hint=hint)

    with _garbage_collection_paused():
        session = ReviewSession(Path(config.Global.dataset_dir))
    try:
        bound = open_socket(HOST, port)
        bound.listen()  # a browser that is quicker than the server waits
        model = ModelInUse(session, _find_model(config, session), _opener(config), config.Global.device)
        try:
            with suppress(KeyboardInterrupt):  # the usual end of a review
                _serve(
                    session, model, address_of(bound), lambda make: run_app(make, bound, _GRACE_S), log, open_browser
                )
        finally:
            bound.close()
            model.fine_tuning.stop()
        finished = session.finish()
        counts = session.progress()
    finally:
        session.close()

    names = ("lines", "open", "accepted", "corrected", "unreadable", "skipped")
    return ReviewReport(
        root=session.folder.root,
        files=tuple(sorted(finished.files)),
        outside=finished.outside,
        **{name: counts[name] for name in names},
    )


def _serve(
    session: ReviewSession,
    model: ModelInUse,
    address: str,
    serve: Callable[[Callable[[], AccessCheck]], None],
    log: Log,
    open_browser: bool,
) -> None:
    from ocrx.review.access import Access
    from ocrx.review.server import create_app

    access = Access()
    page = f"{address}/?token={access.new_token()}"
    log(f"{len(session.folder.lines):,} lines of {session.folder.given}")
    log(f"model {model.path}" if model.path else "no model: the lines with findings come first")
    log(f"review them at {page}")
    log("Ctrl-C writes the labels and ends the review")

    def start() -> None:
        if open_browser:
            webbrowser.open(page)

    app = create_app(session, model, access, on_start=start)
    serve(lambda: AccessCheck(app))


def _find_model(config: Config, session: ReviewSession) -> Path | None:
    """The model that is asked for, else the one that an earlier training of this review made, else the default."""
    given, lang = config.Predict.model_dir, config.Predict.lang
    if lang is not None:
        given = model_for_language(lang)
    if given == NO_MODEL:
        return None
    trained = session.trained_model
    if given is None and trained is not None and trained.is_dir():
        return trained
    return find_model(None, given, key="Predict.model_dir")


def _opener(config: Config) -> Callable[[Path], Recognizer]:
    settings = config.Predict

    def open_model(path: Path) -> Recognizer:
        from ocrx.inference.opening import Runtime, open_recognizer  # the first line does not wait for it

        runtime = Runtime(settings.backend, config.Global.device, config.Global.threads, settings.precision)
        return open_recognizer(path, runtime)

    return open_model


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """While hundreds of thousands of lines are read, of which nothing is garbage: a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
