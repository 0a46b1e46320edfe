"""Reads YAML with OmegaConf, within limits; the only module that imports omegaconf and yaml, in its functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ocrx.errors import ConfigError
from ocrx.files import MAX_INTEGER_DIGITS, read_bytes

MAX_BYTES = 2**20
"""Largest configuration that is read."""

MAX_DEPTH = 20
"""Deepest nesting of a configuration."""

MAX_NODES = 20_000
"""Most values of a configuration, including those that aliases repeat."""

_INTERPOLATION = "${"

# Plain scalars that YAML reads as integers of more than 20 digits: hexadecimal, binary, decimal, base 60.
_HUGE_INTEGER = re.compile(r"[-+]?(0x[\da-fA-F_]{17,}|0b[01_]{65,}|[\d_]{21,}|[\d_]+(:\d{1,2}){11,})")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of sections.

    Args:
        path: The file.

    Returns:
        Section → keys, as plain values; empty for an empty file.

    Raises:
        ConfigError: If the file cannot be read, is not YAML within the limits, names a key twice, holds an
            interpolation, or does not consist of sections.
    """
    content = read_bytes(path, max_bytes=MAX_BYTES, error=ConfigError)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None

    root = _check_limits(text, str(path))
    if root not in ("mapping", "nothing"):
        raise ConfigError(f"{path}: expected sections such as Global and Train, found a {root}")
    from omegaconf import OmegaConf

    with _named_errors(str(path)):
        tree = OmegaConf.to_container(OmegaConf.create(text))
    return {str(key): value for key, value in tree.items()} if isinstance(tree, dict) else {}


def read_overrides(overrides: Sequence[str], holds_text: Callable[[str], bool]) -> dict[str, Any]:
    """Read ``Section.key=value`` entries, whose values follow the rules of YAML.

    Args:
        overrides: The entries; the last one for a key wins. A value may hold ``=``.
        holds_text: Whether the setting with a dotted name is a text. For these, values that YAML reads as numbers or
            booleans are taken literally: ``0123`` is not 83.

    Returns:
        Section → keys, as plain values.

    Raises:
        ConfigError: If an entry has no key or its value is not YAML within the limits.
    """
    values: dict[str, object] = {}
    for entry in overrides:
        key, equals, text = entry.partition("=")
        key = key.strip()
        if not equals or not all(key.split(".")):
            raise ConfigError(f"-o {entry}: expected Section.key=value")
        value = _read_value(text, f"-o {entry}")
        values[key] = text.strip() if isinstance(value, bool | int | float) and holds_text(key) else value
    return nest(values)


def nest(values: Mapping[str, object]) -> dict[str, Any]:
    """Turn dotted keys into sections.

    Args:
        values: ``Section.key`` → value.

    Returns:
        Section → keys.

    Raises:
        ConfigError: If a key is used both as a value and as a section.
    """
    tree: dict[str, Any] = {}
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{dotted}: {section} is set to a value; expected a section with keys")
        node[key] = value
    return tree


def write_yaml(tree: Mapping[str, Any]) -> str:
    """Serialise plain values so that ``read_yaml`` gives them back.

    Args:
        tree: Section → keys.

    Returns:
        YAML text.
    """
    from omegaconf import OmegaConf

    text: str = OmegaConf.to_yaml(OmegaConf.create(dict(tree)))
    return text


def refuse_interpolation(tree: Any, key: str = "") -> None:
    """Refuse texts such as ``${oc.env:HOME}``, which could carry a secret of the environment to another machine.

    Args:
        tree: Plain values.
        key: Dotted path of ``tree``, for the error.

    Raises:
        ConfigError: If a text contains ``${``.
    """
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            refuse_interpolation(value, f"{key}.{name}" if key else str(name))
    elif isinstance(tree, list | tuple):
        for value in tree:
            refuse_interpolation(value, key)
    elif isinstance(tree, str) and _INTERPOLATION in tree:
        raise ConfigError(f"{key}: {tree!r}; expected no interpolation", hint="write the value itself")


def _read_value(text: str, where: str) -> Any:
    """Parse ``text`` as a YAML value."""
    from omegaconf import OmegaConf

    _check_limits(text, where)
    with _named_errors(where):
        tree = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))
    assert isinstance(tree, dict)  # a dot list always gives a mapping
    return tree["value"]


def _check_limits(text: str, where: str) -> str:
    """Raise ConfigError for YAML that is broken, beyond the limits or holds an interpolation.

    Events are counted before anything is built, so that neither depth nor repeated aliases can exhaust the memory.
    Returns the kind of the root: mapping, list, value or nothing.
    """
    import yaml

    sizes: dict[str, int] = {}  # anchor → number of values
    opened: list[tuple[str | None, int]] = []
    count, root = 0, "nothing"
    with _named_errors(where):
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            place = f"{where}:{event.start_mark.line + 1}" if event.start_mark else where
            if not opened and isinstance(event, yaml.NodeEvent):
                root = _KINDS.get(type(event).__name__, "value")
            if isinstance(event, yaml.AliasEvent):
                if event.anchor not in sizes:
                    raise ConfigError(f"{place}: the alias *{event.anchor} names nothing before it, or itself")
                count += sizes[event.anchor]
            elif isinstance(event, yaml.CollectionStartEvent):
                opened.append((event.anchor, count))
                count += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = opened.pop()
                sizes |= {anchor: count - before} if anchor else {}
            elif isinstance(event, yaml.ScalarEvent):
                count += 1
                sizes |= {event.anchor: 1} if event.anchor else {}
                _check_scalar(event, place)

            if len(opened) > MAX_DEPTH:
                raise ConfigError(f"{place}: nested deeper than {MAX_DEPTH} levels")
            if count > MAX_NODES:
                raise ConfigError(f"{place}: more than {MAX_NODES:,} values, those that aliases repeat included")
    return root


_KINDS = {"MappingStartEvent": "mapping", "SequenceStartEvent": "list"}


def _check_scalar(event: Any, place: str) -> None:
    if _INTERPOLATION in event.value:
        raise ConfigError(f"{place}: {event.value!r:.60}; expected no interpolation", hint="write the value itself")
    if event.implicit[0] and _HUGE_INTEGER.fullmatch(event.value):
        raise ConfigError(f"{place}: an integer of more than {MAX_INTEGER_DIGITS} digits")


@contextmanager
def _named_errors(where: str) -> Iterator[None]:
    """Convert errors of the YAML reader to a ConfigError that names the source and the line."""
    import yaml
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ConfigError(f"{where}{line}: not valid YAML ({problem})") from None
    except (OmegaConfBaseException, ValueError, OverflowError) as error:
        raise ConfigError(f"{where}: not valid YAML ({str(error).partition(chr(10))[0]})") from None
