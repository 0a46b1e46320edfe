from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrx.config import DecodeOptions
from ocrx.ctc.reference import log_likelihoods
from ocrx.decoding.factory import BeamDecoder, build_decoder, decode_beside_best_path, decoder_notice
from ocrx.decoding.greedy import greedy
from ocrx.decoding.ngram_model import NgramModel
from ocrx.errors import ConfigError, DataError
from ocrx.text.charset import Charset

CHARSET = Charset("ABCDEFG0123456789 ")


def spell(text: str, gap: int = 1, height: float = 6, seed: int = 0) -> np.ndarray:
    """Logits [1, T, K] of a network that reads ``text``, with some noise."""
    rng = np.random.default_rng(seed)
    frames = [c for character in CHARSET.encode(text) for c in (character, *[0] * gap)]
    logits = rng.normal(size=(1, len(frames) + 3, len(CHARSET) + 1)).astype(np.float32)
    logits[0, np.arange(len(frames)), frames] += height
    logits[0, len(frames) :, 0] += height
    return logits


def read(logits: np.ndarray, bundled_lm: Path | None = None, **options: Any) -> str:
    return CHARSET.decode(build_decoder(CHARSET, DecodeOptions(**options), bundled_lm)(logits)[0].classes)


def test_nothing_asked_is_the_best_path() -> None:
    assert build_decoder(CHARSET) is greedy
    assert build_decoder(CHARSET, DecodeOptions(beam=1)) is greedy
    assert isinstance(build_decoder(CHARSET, DecodeOptions(beam=2)), BeamDecoder)


def test_each_constraint_corrects_a_reading_it_excludes() -> None:
    logits = spell("A1B2")
    logits[0, 2, CHARSET.encode("18")] = (7, 9)  # the network takes the 1 for an 8, a little
    assert read(logits) == "A8B2"
    assert read(logits, deny="8") == "A1B2"
    assert read(logits, allow="ABC12") == "A1B2"
    assert read(logits, pattern="[A-Z]1[A-Z]2") == "A1B2"
    assert read(logits, lexicon=["A1B2", "C1B2"]) == "A1B2"
    assert read(logits, lexicon=["A8B2", "A1B2"]) == "A8B2"
    assert read(logits, lexicon=["A8B2", "A1B2"], deny="8") == "A1B2"


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.sampled_from([r"[A-G]{2}\d{4}", r"\d{1,3}( \d{3})*", "A*", "(AB)+", "[A-G]{5,}", "0|11|222222"]),
    st.booleans(),
)
def test_the_result_always_satisfies_the_pattern(seed: int, frames: int, pattern: str, lm: bool) -> None:
    logits = np.random.default_rng(seed).normal(size=(2, frames, len(CHARSET) + 1)).astype(np.float32) * 5
    model = NgramModel.from_texts(["AB 12"], 2) if lm else None
    for line in build_decoder(CHARSET, DecodeOptions(pattern=pattern, lm=model, beam=2))(logits):
        assert len(line.scores) == len(line.spans) == len(line.classes)
        if line.matched:
            assert re.fullmatch(pattern, CHARSET.decode(line.classes))
            assert all(0 < score <= 1 for score in line.scores)
        else:
            assert line.classes == ()
            assert min(len(m) for m in ("AA0000", "0", "", "AB", "AAAAA") if re.fullmatch(pattern, m)) > frames


def test_no_text_fits_the_frames() -> None:
    (line,) = build_decoder(CHARSET, DecodeOptions(pattern="A{9}"))(spell("AB"))
    assert not line.matched
    assert line.classes == ()
    assert line.score == 0.0


def test_the_exact_search_decides_where_the_beam_is_lost() -> None:
    # The beam of two holds only what begins with a clear A or B; the lexicon's only entry that fits begins with C.
    logits = spell("AB")
    decoder = build_decoder(CHARSET, DecodeOptions(lexicon=["C" + "0123456789"[i] for i in range(10)], beam=1))
    (line,) = decoder(logits)
    assert line.matched
    assert CHARSET.decode(line.classes)[0] == "C"


def test_constrained_is_at_least_as_probable_as_any_other_match() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 9, len(CHARSET) + 1)).astype(np.float32)
    words = ["AB", "CD1", "0", "EEE", "A0B1"]
    for line, row in zip(build_decoder(CHARSET, DecodeOptions(lexicon=words))(logits), logits, strict=True):
        best = max(words, key=lambda word: log_likelihoods(row[None], [CHARSET.encode(word)])[0])
        assert CHARSET.decode(line.classes) == best


def test_a_lexicon_with_a_way_out() -> None:
    clear, near = spell("ABC"), spell("AB", height=3)
    words = ["AB", "FG"]
    assert read(clear, lexicon=words, lexicon_margin=4.0) == "ABC"
    assert read(near, lexicon=words, lexicon_margin=40.0) == "AB"
    assert not build_decoder(CHARSET, DecodeOptions(lexicon=words, lexicon_margin=4.0))(clear)[0].matched
    assert build_decoder(CHARSET, DecodeOptions(lexicon=words, lexicon_margin=40.0))(near)[0].matched
    assert read(clear, lexicon=words, lexicon_margin=4.0, deny="C") == "AB"


def test_a_language_model_decides_between_equals() -> None:
    logits = spell("A1B2", height=8)
    for character in "13":
        logits[0, 2, CHARSET.encode(character)[0]] = 9.0
    assert read(logits, lm=NgramModel.from_texts(["A1B2"] * 5, 3)) == "A1B2"
    assert read(logits, lm=NgramModel.from_texts(["A3B2"] * 5, 3)) == "A3B2"


def gated_model(tmp_path: Path) -> Path:
    """A language model for lines that contain a character with a score below 0.7; it knows A3B2 alone."""
    path = tmp_path / "lm.json.gz"
    NgramModel.from_texts(["A3B2"] * 9, 3).tuned(0.5, 0.0, 0.7).save(path)
    return path


def test_a_language_model_with_a_threshold_leaves_confident_lines_alone(tmp_path: Path) -> None:
    clear, unclear = spell("A1B2", height=12), spell("A1B2", height=12)
    unclear[0, 2, CHARSET.encode("13")] = (12.5, 12.0)
    both = np.concatenate([clear, unclear])
    decoder = build_decoder(CHARSET, DecodeOptions(lm=gated_model(tmp_path)))
    plain, found = greedy(both), decoder(both)
    assert [CHARSET.decode(line.classes) for line in plain] == ["A1B2", "A1B2"]
    assert [CHARSET.decode(line.classes) for line in found] == ["A1B2", "A3B2"]
    assert found[0] == plain[0]
    assert found[1].spans == plain[1].spans and found[1].scores[1] == pytest.approx(1 - plain[1].scores[1], abs=0.01)
    assert read(unclear, lm=gated_model(tmp_path), lm_confidence_threshold=0.1) == "A1B2"
    assert "0.7" in decoder_notice(decoder)


def test_best_paths_beside_the_result_of_any_decoder(tmp_path: Path) -> None:
    logits = np.concatenate([spell("A1B2", height=12), spell("A1B2", height=12)])
    logits[1, 2, CHARSET.encode("13")] = (12.5, 12.0)
    for options in (
        DecodeOptions(),
        DecodeOptions(lm=gated_model(tmp_path)),
        DecodeOptions(deny="4"),
        DecodeOptions(beam=2),
    ):
        decoder = build_decoder(CHARSET, options)
        found, best_paths = decode_beside_best_path(decoder, logits)
        assert list(found) == list(decoder(logits)), options
        assert list(best_paths) == greedy(logits), options


def test_the_bundled_language_model_reads_where_nothing_is_asked(tmp_path: Path) -> None:
    unclear = spell("A1B2", height=12)
    unclear[0, 2, CHARSET.encode("13")] = (12.5, 12.0)
    bundled = gated_model(tmp_path)
    assert read(unclear, bundled_lm=bundled) == "A3B2"
    assert read(unclear, bundled_lm=bundled, lm_weight=0.0) == "A1B2"
    other = NgramModel.from_texts(["A1B2"] * 9, 3)
    for asked in ({"beam": 1}, {"beam": 4}, {"deny": "4"}, {"pattern": "A.*"}, {"lm": other, "lm_weight": 0.5}):
        assert read(unclear, bundled_lm=bundled, **asked) == "A1B2", asked


def test_the_bundled_language_model_is_read_when_a_line_first_needs_it(tmp_path: Path) -> None:
    clear, unclear = spell("A1B2", height=12), spell("A1B2", height=12)
    unclear[0, 2, CHARSET.encode("13")] = (12.5, 12.0)
    path = gated_model(tmp_path)
    decoder = build_decoder(CHARSET, bundled_lm=path)
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    assert "0.7" in decoder_notice(decoder)
    assert CHARSET.decode(decoder(clear)[0].classes) == "A1B2"
    with pytest.raises(DataError, match=r"lm\.json\.gz"):
        decoder(unclear)
    path.write_bytes(content)
    assert CHARSET.decode(decoder(unclear)[0].classes) == "A3B2"


def test_scores_are_the_models_own_probabilities() -> None:
    logits = spell("A1", height=8)
    free = greedy(logits)[0]
    for options in ({"beam": 4}, {"allow": "A1"}, {"pattern": r"A\d"}):
        line = build_decoder(CHARSET, DecodeOptions(**options))(logits)[0]
        assert line.scores == pytest.approx(free.scores, rel=1e-5)
        assert line.spans == free.spans
    forced = build_decoder(CHARSET, DecodeOptions(pattern="B1"))(logits)[0]
    assert forced.scores[0] < 0.1


def test_a_line_does_not_depend_on_its_batch() -> None:
    logits = np.random.default_rng(1).normal(size=(4, 20, len(CHARSET) + 1)).astype(np.float32) * 3
    model = NgramModel.from_texts(["AB 12", "C 3"], 3)
    gated = {"lm": model, "lm_confidence_threshold": 0.9}
    for options in ({"beam": 5}, {"pattern": "[A-G ]{4,9}"}, {"lm": model}, gated, {"allow": "AB1"}):
        decoder = build_decoder(CHARSET, DecodeOptions(**options))
        assert list(decoder(logits)) == [decoder(logits[i : i + 1])[0] for i in range(4)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "^beam: "),
        ({"lm_weight": 1.0}, "lm_weight: needs"),
        ({"lexicon_margin": 1.0}, "lexicon_margin: needs"),
        ({"allow": "x"}, "^allow: "),
        ({"pattern": "x"}, "^pattern: "),
        ({"lexicon": ["x"]}, "^lexicon: "),
    ],
)
def test_settings_that_cannot_hold(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_decoder(CHARSET, DecodeOptions(**options))


def test_right_to_left_lines_take_a_lexicon_but_no_pattern_and_no_language_model() -> None:
    charset = Charset(sorted("سنة 1963"), "rtl")
    for options in ({"pattern": "س+"}, {"lm": NgramModel.from_texts(["سنة"], order=2)}):
        with pytest.raises(ConfigError, match="right-to-left"):
            build_decoder(charset, DecodeOptions(**options))
    logits = np.zeros((1, 20, 9), dtype=np.float32)
    read = build_decoder(charset, DecodeOptions(lexicon=["سنة 1963"]))(logits)[0]
    assert charset.decode(read.classes) == "سنة 1963"


def test_lexicon_files(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffAB\r\n\r\nC 1\n".encode())
    assert read(spell("C 1"), lexicon=path) == "C 1"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        build_decoder(CHARSET, DecodeOptions(lexicon=path))
    with pytest.raises(DataError, match="none"):
        build_decoder(CHARSET, DecodeOptions(lexicon=tmp_path / "none.txt"))


def test_unreadable_entries_are_reported() -> None:
    assert "2 entries" in decoder_notice(build_decoder(CHARSET, DecodeOptions(lexicon=["AB", "xy", "é"])))
    assert "1 entry holds" in decoder_notice(
        build_decoder(CHARSET, DecodeOptions(lexicon=["AB", "xy"], lexicon_margin=1.0))
    )
    assert decoder_notice(build_decoder(CHARSET, DecodeOptions(lexicon=["AB"]))) == ""
    assert decoder_notice(greedy) == ""
