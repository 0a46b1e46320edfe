"""Describes the interface: what OpenAPI cannot derive from the code, and a self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import jinja2

from ocrx.config import DecodeOptions
from ocrx.serving.options import DECODE_FIELDS

PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}

_STATUSES = {
    400: "Malformed request, unknown field or invalid value",
    401: "Missing or invalid token",
    413: "Too many bytes, images or pixels",
    415: "Not an image, or not a form",
    422: "Damaged image or PDF, or a PDF with a password",
    501: "An extra is not installed on the server",
    503: "The queue is full; see Retry-After",
    504: "Not finished in time",
}
_ERROR_SCHEMA = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            "required": ["code", "message"],
        }
    },
    "required": ["error"],
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"schema": _ERROR_SCHEMA}}}
    for status, text in _STATUSES.items()
}

_MEANINGS = {
    "image": "A file: an image of one line, a PDF or a TIFF. Repeatable.",
    "url": "URL of a file, where the server allows it. Repeatable.",
    "details": "true: add scores and spans of the characters and words.",
    "lines": "one: an image is a line; split: cut clean, upright pages into lines; detect: find the lines of any page.",
    "orientation": "auto: turn lines that are upside down. Default: auto with detect, else none.",
    "pattern": "Regular expression that the whole line matches.",
    "lexicon": "The possible texts, one per line, as text or as a file.",
    "lexicon_margin": "Keep a reading outside the lexicon if it is e^X times as probable as the best entry.",
    "allow": "The only characters that may occur.",
    "deny": "Characters that may not occur.",
    "beam": "Beam width; 1 means the best path.",
    "effort": "high: read lines of low confidence a second time, a little wider; default: normal.",
}
_NUMBERS = {
    field.name: "integer" if "int" in str(field.type) else "number"
    for field in fields(DecodeOptions)
    if "int" in str(field.type) or "float" in str(field.type) or "Fraction" in str(field.type)
}


def _form_properties() -> dict[str, Any]:
    files = {"type": "array", "items": {"type": "string", "format": "binary"}, "description": _MEANINGS["image"]}
    urls = {"type": "array", "items": {"type": "string", "format": "uri"}, "description": _MEANINGS["url"]}
    properties: dict[str, Any] = {"image": files, "url": urls}
    for name, choices in (("lines", ["one", "split", "detect"]), ("orientation", ["none", "auto"])):
        properties[name] = {"type": "string", "enum": choices, "description": _MEANINGS[name]}
    properties["details"] = {"type": "boolean", "default": False, "description": _MEANINGS["details"]}
    for name in DECODE_FIELDS:
        properties[name] = {"type": _NUMBERS.get(name, "string"), "description": _MEANINGS[name]}
    return properties


def _body(media_type: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


IMAGE_FORM = _body("multipart/form-data", {"type": "object", "properties": _form_properties()})
PADDLEX_BODY = _body(
    "application/json",
    {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "description": "Base64, or a URL where the server allows it."},
            "fileType": {"type": "integer", "enum": [0, 1], "description": "0 PDF, 1 image."},
            "textRecScoreThresh": {"type": "number", "description": "Leave out lines with a lower score."},
        },
    },
)


def render_page(description: Mapping[str, Any]) -> str:
    """Render the interface as HTML without scripts and without anything from another server.

    Args:
        description: The OpenAPI description.

    Returns:
        The page.
    """
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    operations = [
        {"path": path, "method": method.upper(), **operation}
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    return environment.from_string(_PAGE).render(
        info=description["info"], operations=operations, statuses=_STATUSES, raw=json.dumps(description, indent=2)
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ info.title }} {{ info.version }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 14px/1.5 ui-monospace, monospace; background: #8882; border-radius: 4px; padding: 1px 4px; }
pre { padding: 0.75rem; overflow: auto; } table { border-collapse: collapse; }
td, th { text-align: left; padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
:root { color-scheme: light dark; }
</style></head><body>
<h1>{{ info.title }} {{ info.version }}</h1>
<p>{{ info.summary }} The description for programs: <a href="openapi.json">openapi.json</a>.</p>
<pre>curl -F image=@line.png -F image=@other.png http://127.0.0.1:8000/v1/lines
curl -F image=@amount.png -F 'pattern=[0-9]+[.][0-9]{2}' http://127.0.0.1:8000/v1/lines
curl -H "Authorization: Bearer $TOKEN" -F image=@line.png https://example.org/v1/lines</pre>
{% for operation in operations %}
<h2><code>{{ operation.method }} {{ operation.path }}</code></h2>
<p>{{ operation.summary }}. {{ operation.description }}</p>
{% for media_type, content in operation.get("requestBody", {}).get("content", {}).items() %}
<table><tr><th>{{ media_type }}</th><th>type</th><th></th></tr>
{% for name, field in content["schema"]["properties"].items() %}
<tr><td><code>{{ name }}</code></td><td>{{ field.type }}</td><td>{{ field.description }}</td></tr>
{% endfor %}
</table>
{% endfor %}
{% endfor %}
<h2>Errors</h2>
<p>The body of an error is <code>{"error": {"code": "...", "message": "..."}}</code>.</p>
<table>{% for status, text in statuses.items() %}<tr><td>{{ status }}</td><td>{{ text }}</td></tr>{% endfor %}</table>
</body></html>
"""
