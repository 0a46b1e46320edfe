"""``POST /ocr``: requests and responses of PaddleX's basic serving of its OCR pipeline.

Options of PaddleX's own detector have no effect here; ``warnings`` names those that were set.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ocrx.config import DecodeOptions
from ocrx.files import to_json
from ocrx.inference.lines import Layout
from ocrx.inference.page_results import group_pages
from ocrx.inference.results import Prediction
from ocrx.serving.envelope import NOTES
from ocrx.serving.listening import HttpError
from ocrx.serving.service import ReadImage, Rendered, Service
from ocrx.serving.uploads import Upload

PDF, IMAGE = 0, 1

_MAX_VALUES = 1000  # in a request; Python takes twenty times the memory of a list of empty lists
_WITHOUT_EFFECT = (
    "useDocOrientationClassify",
    "useDocUnwarping",
    "useTextlineOrientation",
    "textDetLimitSideLen",
    "textDetLimitType",
    "textDetThresh",
    "textDetBoxThresh",
    "textDetUnclipRatio",
    "returnWordBox",
    "visualize",
)
_KEYS = frozenset({"file", "fileType", "textRecScoreThresh", "logId", *_WITHOUT_EFFECT})


async def read_ocr(service: Service, request: Request) -> Response:
    """Answer a request in PaddleX's format.

    Args:
        service: The model.
        request: A JSON object with ``file`` (base64 or a URL) and PaddleX's options.

    Returns:
        PaddleX's response; refusals have its fields ``logId``, ``errorCode`` and ``errorMsg``, too.
    """
    log_id = str(uuid4())

    try:
        body = service.body(request)
        try:
            content = await body.read()
            request.scope[NOTES].body_bytes = body.size
            if not content:
                raise HttpError(400, "empty_body", "body: empty; expected a JSON object with file")
            values = await run_in_threadpool(_parsed, content)
            log_id = values.get("logId") or log_id
            upload = _upload(service, values)

            def render(images: Sequence[ReadImage]) -> Rendered:
                return _rendered(log_id, values, images)

            return await service.read(request, body, [upload], DecodeOptions(), render, _layout(service))
        finally:
            body.release()
    except HttpError as error:
        request.scope[NOTES].code = error.code
        content = to_json(_refusal(log_id, error)).encode()
        return Response(content, error.status, error.headers, "application/json")


def _layout(service: Service) -> Layout:
    """Detect lines on any page if the extra ``page`` is installed, else split clean, upright pages."""
    try:
        return service.layout("detect")
    except HttpError:
        return service.layout("split")


def _parsed(content: bytes) -> dict[str, Any]:
    """Parse and validate a request; ``file`` becomes a URL or decoded bytes."""
    if sum(map(content.count, (b"[", b"{", b","))) > _MAX_VALUES:
        raise HttpError(400, "malformed", f"body: more than {_MAX_VALUES:,} values; expected an object with file")
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise HttpError(400, "malformed", "body: not JSON; expected an object with file") from None
    if not isinstance(values, dict) or not isinstance(values.get("file"), str) or not values["file"]:
        raise HttpError(400, "no_image", "file: missing; expected base64 or a URL")

    unknown = sorted(values.keys() - _KEYS)
    if unknown:
        raise HttpError(400, "unknown_field", f"{unknown[0][:60]!r}: no such key; expected {', '.join(sorted(_KEYS))}")
    if values.get("fileType") not in (None, PDF, IMAGE) or isinstance(values.get("fileType"), bool):
        raise HttpError(400, "wrong_option", f"fileType: {values['fileType']!r:.40}; expected 0 (PDF) or 1 (image)")
    if not isinstance(values.get("logId", ""), str):
        raise HttpError(400, "wrong_option", "logId: expected text")
    threshold = values.get("textRecScoreThresh")
    if threshold is not None and not _is_share(threshold):
        raise HttpError(400, "wrong_option", f"textRecScoreThresh: {threshold!r:.40}; expected a number from 0 to 1")

    if not values["file"].startswith(("http://", "https://")):
        values["file"] = _decoded(values["file"])
    return values


def _is_share(value: object) -> bool:
    """Whether a JSON value is a number from 0 to 1, which NaN and integers beyond the range of floats are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _decoded(text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise HttpError(400, "malformed", "file: neither base64 nor a URL") from None


def _upload(service: Service, values: Mapping[str, Any]) -> Upload:
    if isinstance(values["file"], str):
        return service.upload_of_url(values["file"])
    data: bytes = values["file"]
    is_pdf = data.startswith(b"%PDF")
    if values.get("fileType") is not None and is_pdf != (values["fileType"] == PDF):
        kind = "a PDF" if is_pdf else "no PDF"
        raise HttpError(400, "wrong_option", f"fileType: {values['fileType']}, but the file is {kind}")
    return Upload("file", data)


def _rendered(log_id: str, values: Mapping[str, Any], images: Sequence[ReadImage]) -> Rendered:
    failure = next((image.failure for image in images if image.failure is not None), None)
    if failure is not None:
        return Rendered(failure.status, to_json(_refusal(log_id, failure)).encode(), failure.code)

    threshold = float(values.get("textRecScoreThresh") or 0.0)
    pages = [
        {
            "prunedResult": _pruned(image.predictions, threshold),
            "ocrImage": None,
            "docPreprocessingImage": None,
            "inputImage": None,
        }
        for image in images
    ]
    sizes = [{"width": image.size[0], "height": image.size[1]} for image in images]
    is_pdf = images[0].predictions[0].page_index is not None
    info = {"numPages": len(sizes), "pages": sizes, "type": "pdf"} if is_pdf else {**sizes[0], "type": "image"}

    result: dict[str, Any] = {"ocrResults": pages, "dataInfo": info}
    ignored = [f"{key}: no effect here" for key in _WITHOUT_EFFECT if values.get(key) not in (None, False)]
    if ignored:
        result["warnings"] = ignored
    body = {"logId": log_id, "errorCode": 0, "errorMsg": "Success", "result": result}
    return Rendered(200, to_json(body).encode())


def _pruned(predictions: Sequence[Prediction], threshold: float) -> dict[str, Any]:
    """Create the fields of PaddleX's OCR result; as there, without ``input_path`` and ``page_index``."""
    (page,) = group_pages(predictions)
    page = replace(page, lines=tuple(line for line in page.lines if line.score >= threshold))
    fields = page.to_dict()
    polygons = [[[round(x), round(y)] for x, y in polygon] for polygon in fields["dt_polys"]]

    return {
        "model_settings": {"use_doc_preprocessor": False, "use_textline_orientation": False},
        "dt_polys": polygons,
        "text_det_params": {},
        "text_type": "general",
        "textline_orientation_angles": [-1] * len(polygons),
        "text_rec_score_thresh": threshold,
        "return_word_box": False,
        "rec_texts": fields["rec_texts"],
        "rec_scores": fields["rec_scores"],
        "rec_polys": polygons,
        "rec_boxes": fields["rec_boxes"],
    }


def _refusal(log_id: str, error: HttpError) -> dict[str, Any]:
    return {"logId": log_id, "errorCode": error.status, "errorMsg": error.message, **error.body()}
