"""Reads and writes files: bytes, UTF-8 text and JSON within limits, and atomic replacement.

Every reader names the file in its errors and enforces a size limit, so that a damaged or hostile file causes an error
and does not exhaust memory. Every writer puts a complete file in place or leaves the old one. Imports nothing but the
standard library, ``ocrx.errors`` and ``ocrx.process``.
"""

from ocrx.files.json_values import (
    MAX_INTEGER_DIGITS,
    MAX_JSON_BYTES,
    MAX_JSON_DEPTH,
    parse_json,
    read_json,
    to_json,
    write_json,
)
from ocrx.files.reading import data_uri, file_digest, read_bytes, read_lines, read_text
from ocrx.files.writing import atomic_file, create_file, partial_folder, remove_abandoned, sync_folder, write_file

__all__ = [
    "MAX_INTEGER_DIGITS",
    "MAX_JSON_BYTES",
    "MAX_JSON_DEPTH",
    "atomic_file",
    "create_file",
    "data_uri",
    "file_digest",
    "parse_json",
    "partial_folder",
    "read_bytes",
    "read_json",
    "read_lines",
    "read_text",
    "remove_abandoned",
    "sync_folder",
    "to_json",
    "write_file",
    "write_json",
]
