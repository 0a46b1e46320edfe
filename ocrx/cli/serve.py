"""``ocrx serve``."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    RUNTIME,
    BackendOption,
    BatchOption,
    BeamOption,
    ConfigOption,
    DeviceOption,
    LangOption,
    LmOption,
    LmWeightOption,
    ModelOption,
    Overrides,
    PrecisionOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from ocrx.modes.serve import Announcement

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045

SERVER, LIMITS = "Server", "Limits"


def serve(
    model: ModelOption = None,
    lang: LangOption = None,
    lm: LmOption = None,
    lm_weight: LmWeightOption = None,
    beam: BeamOption = None,
    host: Annotated[
        Optional[str], typer.Option(help="Address to listen on. Default: 127.0.0.1.", rich_help_panel=SERVER)
    ] = None,
    port: Annotated[
        Optional[int], typer.Option(help="Port; 0 takes a free one. Default: 8000.", rich_help_panel=SERVER)
    ] = None,
    token_file: Annotated[
        Optional[str],
        typer.Option(help="File with one token per line, for requests from other machines.", rich_help_panel=SERVER),
    ] = None,
    workers: Annotated[
        Optional[int], typer.Option(help="Processes, each with the model. Default: 1.", rich_help_panel=SERVER)
    ] = None,
    max_body: Annotated[
        Optional[int], typer.Option(help="Largest body in MiB. Default: 64.", rich_help_panel=LIMITS)
    ] = None,
    max_images: Annotated[
        Optional[int],
        typer.Option(help="Most images of a request, pages included. Default: 256.", rich_help_panel=LIMITS),
    ] = None,
    max_pixels: Annotated[
        Optional[int], typer.Option(help="Most pixels of an image. Default: 40000000.", rich_help_panel=LIMITS)
    ] = None,
    queue: Annotated[
        Optional[int], typer.Option(help="Images accepted and not yet read. Default: 4096.", rich_help_panel=LIMITS)
    ] = None,
    timeout: Annotated[
        Optional[float], typer.Option(help="Seconds for a request. Default: 60.", rich_help_panel=LIMITS)
    ] = None,
    allow_urls: Annotated[
        bool, typer.Option("--allow-urls", help="Fetch images that requests name by URL.", rich_help_panel=LIMITS)
    ] = False,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    batch_size: BatchOption = None,
    use_hpip: Annotated[
        bool,
        typer.Option("--hpip", help="Use the settings that `ocrx benchmark --tune` chose.", rich_help_panel=RUNTIME),
    ] = False,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Serve a model over HTTP."""
    options: dict[str, object] = {
        "Serve.host": host,
        "Serve.port": port,
        "Serve.token_file": token_file,
        "Serve.workers": workers,
        "Serve.max_body": max_body,
        "Serve.max_images": max_images,
        "Serve.max_pixels": max_pixels,
        "Serve.queue": queue,
        "Serve.timeout": timeout,
        "Serve.allow_urls": allow_urls or None,
        **settings.readers_of(model, lang),
        "Predict.backend": backend,
        "Predict.precision": precision,
        "Predict.use_hpip": use_hpip or None,
        "Predict.batch_size": batch_size,
        "Decode.lm": lm,
        "Decode.lm_weight": lm_weight,
        "Decode.beam": beam,
        "Global.device": device,
        "Global.threads": threads,
    }
    from ocrx.modes import serve as mode

    loaded = settings.load(config, override, options)
    loaded = settings.with_trained_weights("predict", loaded, config) if config else loaded
    mode.run(loaded, show, log)


def show(said: Announcement) -> None:
    """Write the address of the server and its model to stderr.

    Args:
        said: The announcement.
    """
    console.info(said.model)
    processes = f", {said.workers} processes" if said.workers > 1 else ""
    console.info(f"listening on {said.address}{processes}; {said.address}/docs describes the interface")


def log(line: str) -> None:
    """Write the line of a request to stdout.

    Args:
        line: One JSON object.
    """
    with suppress(OSError, ValueError):  # a closed log must not stop the server
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
