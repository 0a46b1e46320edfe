"""``POST /v1/pages``: finds and reads the lines of pages, in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocrx.inference.page_results import group_pages
from ocrx.serving.lines import line_fields, read_images
from ocrx.serving.service import ReadImage, Service


async def read_pages(service: Service, request: Request) -> Response:
    """Answer a request with images of pages.

    Args:
        service: The model.
        request: A multipart form.

    Returns:
        One result for each page, with its text and its lines.

    Raises:
        HttpError: The request is refused, or the extra ``page`` is missing.
    """
    return await read_images(service, request, "detect", _pages)


def _pages(images: Sequence[ReadImage], details: bool) -> dict[str, Any]:
    return {"pages": [_page(image, details) for image in images]}


def _page(image: ReadImage, details: bool) -> dict[str, Any]:
    first = image.predictions[0]
    fields: dict[str, Any] = {
        "image_index": image.upload,
        "input_path": first.input_path,
        "page_index": first.page_index,
        "width": image.size[0],
        "height": image.size[1],
    }
    if image.failure is not None:
        return fields | {"text": "", "lines": []} | image.failure.body()

    (page,) = group_pages(image.predictions)
    lines = [line_fields(line, None, details) for line in page.lines]
    for line in lines:
        del line["input_path"], line["page_index"]
    return fields | {"text": page.text, "lines": lines}
