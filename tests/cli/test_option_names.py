from __future__ import annotations

import pytest

from ocrx.cli.option_names import name_options


@pytest.mark.parametrize(
    ("text", "arguments", "named"),
    [
        ("pattern: empty", ["predict", "--pattern", ""], "--pattern: empty"),
        ("pattern: empty", ["predict", "--pattern="], "--pattern: empty"),
        ("pattern: empty", ["predict", "-c", "x.yaml"], "Decode.pattern: empty"),
        ("lexicon_margin: needs a lexicon", ["--lexicon-margin", "2"], "--lexicon-margin: needs a lexicon"),
        ("lm_bonus: nan; expected a finite number", [], "Decode.lm_bonus: nan; expected a finite number"),
        ("use `lexicon`, `allow` or `deny`", [], "use --lexicon, --allow or --deny"),
        ("set `lm_bonus`", [], "set -o Decode.lm_bonus=…"),
        ("build one with `ocrx lm build`", [], "build one with `ocrx lm build`"),
        ("beam.txt: no such file", ["--beam", "3"], "beam.txt: no such file"),
        ("words.txt: not a pattern: x", ["--pattern", "x"], "words.txt: not a pattern: x"),
    ],
)
def test_fields_become_what_the_user_writes(text: str, arguments: list[str], named: str) -> None:
    assert name_options(text, arguments) == named
