from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocrx.data.formats.safe_xml import read_xml
from ocrx.errors import DataError

BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'
EXTERNAL = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


def test_names_have_no_namespace(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes('<p:a xmlns:p="http://x" xmlns:q="y" q:k="1"><p:b>é&lt;&#65;</p:b></p:a>'.encode("utf-16"))
    root = read_xml(path, "a.xml")
    assert (root.tag, root.attrib, root.findtext("b")) == ("a", {"k": "1"}, "é<A")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "has a DOCTYPE"),
        (EXTERNAL, "has a DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><a/>', "has a DOCTYPE"),
        ("<a>&b;</a>", "not well-formed"),
        ("<a><b></a>", "not well-formed"),
        ("", "not well-formed"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "not well-formed"),
        ("<a>" * 100_000, "nested deeper than 100"),
    ],
)
def test_what_is_not_plain_xml_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"a\.xml: {message}"):
        read_xml(path, "a.xml")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    with pytest.raises(DataError, match="not a regular file"):
        read_xml(tmp_path / "a.xml", "a.xml")
