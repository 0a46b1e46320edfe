"""``POST /v1/lines``: images of lines in, their texts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocrx.config import DecodeOptions
from ocrx.files import to_json
from ocrx.inference.lines import Layout
from ocrx.inference.results import Prediction
from ocrx.serving.bodies import Body, Part, read_form
from ocrx.serving.envelope import NOTES
from ocrx.serving.listening import HttpError
from ocrx.serving.options import DECODE_FIELDS, decode_options, flag
from ocrx.serving.service import ReadImage, Rendered, Service
from ocrx.serving.uploads import Upload

IMAGE, URL, DETAILS = "image", "url", "details"
LINES, ORIENTATION = "lines", "orientation"
FIELDS = frozenset({IMAGE, URL, DETAILS, LINES, ORIENTATION, *DECODE_FIELDS})


@dataclass(frozen=True)
class ImageForm:
    """A form with images.

    Attributes:
        uploads: The images.
        options: How logits become text.
        layout: How the lines of an image are found.
        details: Whether scores and spans of the characters are wanted.
    """

    uploads: tuple[Upload, ...]
    options: DecodeOptions
    layout: Layout
    details: bool


async def read_lines(service: Service, request: Request) -> Response:
    """Answer a request with images of lines.

    Args:
        service: The model.
        request: A multipart form.

    Returns:
        One result for each line; if no image could be opened, the status of the first failure.

    Raises:
        HttpError: The request is refused.
    """
    return await read_images(service, request, "one", _results)


async def read_images(
    service: Service,
    request: Request,
    lines: str,
    render: Callable[[Sequence[ReadImage], bool], dict[str, Any]],
) -> Response:
    """Answer a request with images.

    Args:
        service: The model.
        request: A multipart form.
        lines: How lines are found unless the form says otherwise.
        render: Renders the body of the response, with or without details.

    Returns:
        The response; if no image could be opened, it has the status of the first failure.

    Raises:
        HttpError: The request is refused.
    """
    body = service.body(request)
    try:
        form = await _read_image_form(service, request, body, lines)
        model = service.recognizer.spec.name

        def render_all(images: Sequence[ReadImage]) -> Rendered:
            return _rendered(images, {"model": model, **render(images, form.details)})

        return await service.read(request, body, form.uploads, form.options, render_all, form.layout)
    finally:
        body.release()


async def _read_image_form(service: Service, request: Request, body: Body, lines: str) -> ImageForm:
    """Read the form; its parts are dropped, otherwise every image would be held twice while it is read."""
    parts = await read_form(body, FIELDS, frozenset({IMAGE, URL}), service.settings.max_images)
    request.scope[NOTES].body_bytes = body.size
    return _image_form(service, parts, lines)


def _image_form(service: Service, parts: Sequence[Part], lines: str) -> ImageForm:
    uploads = tuple(_upload(service, part) for part in parts if part.name in (IMAGE, URL))
    if not uploads:
        raise HttpError(400, "no_image", f"no field {IMAGE!r}; expected at least one file in it")
    values = _single_values(parts)
    details = flag(DETAILS, values.pop(DETAILS, "false"))
    layout = service.layout(values.pop(LINES, lines), values.pop(ORIENTATION, None))
    return ImageForm(uploads, decode_options(values), layout, details)


def _upload(service: Service, part: Part) -> Upload:
    if part.name == URL:
        return service.upload_of_url(part.text().strip())
    return Upload(part.filename or "image", bytes(part.content))


def _single_values(parts: Sequence[Part]) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in parts:
        if part.name in values:
            raise HttpError(400, "wrong_option", f"{part.name}: given twice")
        if part.name not in (IMAGE, URL):
            values[part.name] = part.text()
    return values


def line_fields(prediction: Prediction, failure: HttpError | None, details: bool) -> dict[str, Any]:
    """Create the result of one line.

    Args:
        prediction: The line.
        failure: Why its image could not be opened.
        details: Add scores and spans of the characters.

    Returns:
        The fields of ``Prediction.to_dict``; ``error`` as an object.
    """
    fields = prediction.to_dict(details)
    if failure is not None:
        fields |= failure.body()
    return fields


def _results(images: Sequence[ReadImage], details: bool) -> dict[str, Any]:
    results = [
        {"image_index": image.upload, **line_fields(prediction, image.failure, details)}
        for image in images
        for prediction in image.predictions
    ]
    return {"results": results}


def _rendered(images: Sequence[ReadImage], body: dict[str, Any]) -> Rendered:
    failures = [image.failure for image in images if image.failure is not None]
    if len(failures) < len(images):
        return Rendered(200, to_json(body).encode())
    return Rendered(failures[0].status, to_json(failures[0].body() | body).encode(), failures[0].code)
