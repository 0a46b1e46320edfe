"""Parses untrusted XML: a DOCTYPE is rejected, so no entity is expanded and no other file is opened."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from xml.parsers import expat

from ocrx.errors import DataError
from ocrx.files import read_bytes

MAX_BYTES = 256 << 20
MAX_DEPTH = 100


def read_xml(path: Path, name: str) -> ET.Element:
    """Parse an XML file.

    Args:
        path: The file.
        name: Name of the file in errors.

    Returns:
        The root element; namespaces are stripped from the names of elements and attributes.

    Raises:
        DataError: If the file cannot be read, is not well-formed, has a DOCTYPE, or is nested too deeply.
    """
    builder = ET.TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise DataError(f"{name}: nested deeper than {MAX_DEPTH} elements")
        builder.start(_local(tag), {_local(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(tag))

    def refuse(*_: object) -> None:
        raise DataError(f"{name}: has a DOCTYPE, which may define entities; remove it")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(read_bytes(path, max_bytes=MAX_BYTES, name=name), True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise DataError(f"{name}: not well-formed XML ({error})") from None
    return builder.close()


def _local(name: str) -> str:
    return name.rpartition("}")[2]
