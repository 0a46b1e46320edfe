"""``ocrx serve``: serves a model over HTTP."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from ocrx.config import Config
from ocrx.decoding.factory import decoder_notice
from ocrx.inference.opening import describe, open_model
from ocrx.serving import SHARED_METRICS
from ocrx.serving.listening import App, address_of, open_socket, read_tokens, require_packages, run_app


@dataclass(frozen=True)
class Announcement:
    """The start message of a server.

    Attributes:
        address: Its URL.
        model: Description of the model.
        workers: Number of processes.
    """

    address: str
    model: str
    workers: int


def run(config: Config, announce: Callable[[Announcement], None], log: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished first.

    Args:
        config: The configuration; ``Serve`` holds the limits, ``Predict`` names the model.
        announce: Called once, when connections are accepted.
        log: Takes one JSON line per request. With several workers it is called in each of their processes and must
            be a module-level function.

    Raises:
        ConfigError: The host is not a loopback address and there is no token file, or the address cannot be used.
        BackendError: The extra ``serve`` is missing.
        OcrxError: Model, runtime or device are missing.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    settings = config.Serve
    tokens = read_tokens(settings.host, settings.token_file)
    require_packages("serve")
    with ExitStack() as stack:
        bound = stack.enter_context(open_socket(settings.host, settings.port))
        make_app, model = _application(config, tokens, log, stack)
        bound.listen()
        announce(Announcement(address_of(bound), model, settings.workers))
        run_app(make_app, bound, settings.timeout, settings.workers)


def _application(
    config: Config, tokens: tuple[str, ...], log: Callable[[str], None], stack: ExitStack
) -> tuple[Callable[[], App], str]:
    """A factory of the application, and the description of its model."""
    # Opened here even with several workers, so that an unreadable model is an error before the server starts.
    model, recognizer = open_model(config)
    said = "; ".join(filter(None, (describe(model, recognizer.backend), decoder_notice(recognizer.decoder))))
    if config.Serve.workers > 1:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ocrx-metrics-"))
        os.environ[SHARED_METRICS] = folder
        stack.callback(os.environ.pop, SHARED_METRICS, None)
        return partial(make_worker, config, tokens, log), said

    from ocrx.serving.app import create_app

    return partial(create_app, recognizer, config.Serve, tokens, log), said


def make_worker(config: Config, tokens: tuple[str, ...], log: Callable[[str], None]) -> App:
    """Make the application of one of several worker processes.

    Args:
        config: The configuration.
        tokens: Tokens of those who may call.
        log: Gets one JSON line for each request.

    Returns:
        The application.
    """
    from ocrx.serving.app import create_app

    return create_app(open_model(config)[1], config.Serve, tokens, log)
