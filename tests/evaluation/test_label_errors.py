from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrx.data.sample import Sample
from ocrx.evaluation import label_errors
from ocrx.evaluation.label_errors import UNKNOWN, LabelRanker, rank_labels
from ocrx.inference.recognizer import Recognizer
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec

SPEC = ModelSpec("fake", {}, ("a", "b", "c"), ImageSpec(), FrameSpec(((4, 4, 0),)))


class Reader:
    """Reads 'ab' from every image, the second letter less surely."""

    spec = SPEC
    name = "fake"
    threads = parallel = 1
    pixels = None

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits = np.zeros((len(images), images.shape[3] // 4, 4), dtype=np.float32)
        logits[:, :, 0] = 8
        logits[:, 1, :] = [0, 8, 0, 0]
        logits[:, 3, :] = [0, 0, 4, 3]
        return logits


def _samples(folder: Path, texts: list[str], width: int = 32) -> list[Sample]:
    samples = []
    for i, text in enumerate(texts, start=1):
        Image.effect_noise((width + 32 * (i % 2), 32), 50).save(folder / f"{i}.png")
        samples.append(Sample(folder / f"{i}.png", text, f"train.txt:{i}"))
    return samples


def test_the_worse_the_label_fits_the_earlier_it_comes(tmp_path: Path) -> None:
    samples = _samples(tmp_path, ["ab", "ac", "cb", "cc", "aé", "abcabcabc"])
    ranked = rank_labels(Recognizer(Reader()), samples, batch_size=2)
    assert [label.sample.text for label in ranked] == ["abcabcabc", "aé", "cc", "cb", "ac", "ab"]
    log_odds = {label.sample.text: label.log_odds for label in ranked}
    assert log_odds["ab"] == pytest.approx(0, abs=1e-6)
    assert log_odds["ac"] == pytest.approx(1, abs=0.05)  # the logits of the second letter differ by 1
    assert log_odds["cb"] == pytest.approx(8, abs=0.1)
    assert log_odds["aé"] > UNKNOWN
    assert {label.prediction for label in ranked} == {"ab"}


def test_errors_follow_the_log_odds_where_there_is_too_little_to_learn_from(tmp_path: Path) -> None:
    ranked = rank_labels(Recognizer(Reader()), _samples(tmp_path, ["ab", "cc", "ac"]))
    errors = {label.sample.text: label.error for label in ranked}
    assert errors["ab"] == 0
    assert 0 < errors["ac"] < 0.5 < errors["cc"] < 1
    assert ranked[0].to_dict(tmp_path)["error"] == round(errors["cc"], 4)


def test_a_rare_difference_comes_before_what_the_model_always_reads_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model reads an a with confidence where nearly all labels have a c; one label has an error elsewhere."""
    monkeypatch.setattr(label_errors, "MIN_LINES", 40)
    texts = ["cb"] * 60
    texts[17] = "aa"
    ranked = rank_labels(Recognizer(Reader()), _samples(tmp_path, texts))
    assert ranked[0].sample.source == "train.txt:18"
    usual = [label for label in ranked if label.sample.text == "cb"]
    assert min(label.log_odds for label in usual) > ranked[0].log_odds, "by the log odds it would be the last one"
    assert ranked[0].error > usual[0].error


def test_scores_change_when_more_was_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_errors, "MIN_LINES", 8)
    samples = _samples(tmp_path, ["ab", "cb"] * 10)
    ranker = LabelRanker(Recognizer(Reader()))
    found = [len(ranker.add(samples[start : start + 4])) for start in range(0, 20, 4)]
    assert found == [4, 8, 4, 16, 4], "all are scored anew from 8 and from 16 lines on"


def test_a_ranking_does_not_depend_on_the_batches(tmp_path: Path) -> None:
    samples = _samples(tmp_path, ["ab", "cb", "ac", "aé"] * 30)
    first, second = (
        {label.sample.source: label.error for label in rank_labels(Recognizer(Reader()), samples, size)}
        for size in (3, 32)
    )
    assert first == pytest.approx(second, abs=0.05)


def test_unreadable_images_are_left_to_the_other_checks(tmp_path: Path) -> None:
    samples = [*_samples(tmp_path, ["ab"]), Sample(tmp_path / "none.png", "ab", "train.txt:2")]
    seen: list[tuple[int, int]] = []
    ranked = rank_labels(Recognizer(Reader()), samples, progress=lambda done, total: seen.append((done, total)))
    assert [label.sample.source for label in ranked] == ["train.txt:1"]
    assert seen == [(2, 2)]
