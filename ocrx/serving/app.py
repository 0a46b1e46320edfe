"""Assembles the application: its routes, access check and error handlers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from ocrx.config import ServeConfig
from ocrx.inference.recognizer import Recognizer
from ocrx.serving.api_page import ERRORS, IMAGE_FORM, PADDLEX_BODY, PAGE_HEADERS, render_page
from ocrx.serving.bodies import ClientGoneError
from ocrx.serving.envelope import CLIENT_GONE, NOTES, Envelope
from ocrx.serving.lines import read_lines
from ocrx.serving.listening import AccessCheck, App, HttpError
from ocrx.serving.metrics import CONTENT_TYPE
from ocrx.serving.paddlex import read_ocr
from ocrx.serving.pages import read_pages
from ocrx.serving.service import Service
from ocrx.version import __version__

OPEN_PATHS = frozenset({"/health"})
"""Paths that need no token because they reveal nothing about the images."""

_CODES = {404: "not_found", 405: "method_not_allowed"}


def create_app(
    recognizer: Recognizer,
    settings: ServeConfig,
    tokens: tuple[str, ...],
    log: Callable[[str], None],
) -> App:
    """Create the application.

    Args:
        recognizer: Reads the images.
        settings: The limits.
        tokens: Accepted tokens; without any, only programs on this machine are served.
        log: Called with one JSON line per request.

    Returns:
        An ASGI application; its workers end with its lifespan.
    """
    # Malformed forms get an error of their own; the parser's log would quote them.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    service = Service(recognizer, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="ocrx",
        summary="Reads lines of text from images.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=ERRORS,
    )
    _add_reading(app, service)
    _add_information(app, service)
    _add_errors(app)

    paths = frozenset(route.path for route in app.routes if hasattr(route, "path"))
    checked = AccessCheck(app, tokens, OPEN_PATHS)
    return Envelope(checked, paths, settings.timeout, log, service.metrics.request_ended)


def _add_reading(app: FastAPI, service: Service) -> None:
    @app.post("/v1/lines", summary="Read images of lines", openapi_extra=IMAGE_FORM)
    async def lines(request: Request) -> Response:
        """An image holds one line of text; every page of a PDF or TIFF is an image. One result for each line."""
        return await read_lines(service, request)

    @app.post("/v1/pages", summary="Find and read the lines of pages", openapi_extra=IMAGE_FORM)
    async def pages(request: Request) -> Response:
        """Lines in reading order, with their boxes. Needs the extra page on the server; 501 without it."""
        return await read_pages(service, request)

    @app.post("/ocr", summary="PaddleX's OCR pipeline", openapi_extra=PADDLEX_BODY)
    async def ocr(request: Request) -> Response:
        """Requests and responses have the format of PaddleX's basic serving."""
        return await read_ocr(service, request)


def _add_information(app: FastAPI, service: Service) -> None:
    spec = service.recognizer.spec
    backend = service.recognizer.backend

    @app.get("/health", summary="Whether the server is ready")
    async def health() -> dict[str, Any]:
        """Needs no token."""
        return {"status": "ok", "version": __version__}

    @app.get("/v1/models", summary="The model")
    async def models() -> dict[str, Any]:
        """Name, network and runtime."""
        model = {
            "name": spec.name,
            "architecture": spec.architecture,
            "characters": len(spec.charset),
            "direction": spec.direction,
            "calibrated": service.recognizer.calibration is not None,
            "backend": backend.name,
            "threads": backend.threads,
        }
        return {"models": [model]}

    @app.get("/metrics", summary="Metrics for Prometheus")
    async def metrics() -> Response:
        """Requests, images, batches, queue and memory."""
        return Response(service.metrics.page(), media_type=CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(render_page(app.openapi()), headers=PAGE_HEADERS)

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        # Relative, so that it also leads to the page behind a proxy that adds a prefix.
        return RedirectResponse("docs")


def _add_errors(app: FastAPI) -> None:
    async def refused(request: Request, error: Any) -> Response:
        request.scope[NOTES].code = error.code
        return JSONResponse(error.body(), error.status, error.headers)

    async def unknown(request: Request, error: Any) -> Response:
        code = _CODES.get(error.status_code, "refused")
        return await refused(request, HttpError(error.status_code, code, str(error.detail), dict(error.headers or {})))

    async def internal(request: Request, error: Exception) -> Response:
        notes = request.scope[NOTES]
        return await refused(
            request, HttpError(500, "internal", f"internal error; see request {notes.id} in the log of the server")
        )

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=CLIENT_GONE)

    app.add_exception_handler(HttpError, refused)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(ClientGoneError, gone)
    app.add_exception_handler(Exception, internal)
