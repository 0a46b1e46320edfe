"""Translates fields of ``DecodeOptions`` in errors of the core into the options that users write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields

from ocrx.cli.options import DECODE_OPTIONS


def name_options(text: str, arguments: Sequence[str]) -> str:
    """Replace fields of ``DecodeOptions`` in an error by options or configuration keys.

    A message begins with the field at fault (``pattern: …``). It becomes the option if that was given, else the key.
    Fields in backquotes, as in hints, become the option, or the key if there is no option.

    Args:
        text: Message or hint of an error.
        arguments: The command line.

    Returns:
        The text with, for example, ``--pattern`` or ``Decode.pattern`` in place of ``pattern``.
    """
    from ocrx.config import DecodeOptions

    def option(name: str) -> str:
        return f"--{name.replace('_', '-')}"

    def at_fault(match: re.Match[str]) -> str:
        name = match[1]
        given = name in DECODE_OPTIONS and any(word.partition("=")[0] == option(name) for word in arguments)
        return f"{option(name) if given else f'Decode.{name}'}:"

    def mentioned(match: re.Match[str]) -> str:
        return option(match[1]) if match[1] in DECODE_OPTIONS else f"-o Decode.{match[1]}=…"

    names = "|".join(field.name for field in fields(DecodeOptions))
    return re.sub(rf"`({names})`", mentioned, re.sub(rf"^(?:Decode\.)?({names}):", at_fault, text))
