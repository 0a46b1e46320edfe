from __future__ import annotations

import gzip
import json
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ocrx.decoding import ngram_model
from ocrx.decoding.language_model import CharacterModel
from ocrx.decoding.ngram_model import END, NgramModel
from ocrx.errors import ConfigError, DataError
from ocrx.files import MAX_JSON_BYTES
from ocrx.text.charset import Charset

CORPUS = ["aba", "abab", "bab", "ca"]
ROWS = {"": "2,1 a\u0003", "a": "1 \u0003"}


def content(**changes: Any) -> bytes:
    """A valid file but for ``changes``."""
    return json.dumps({"format": "ocrx-ngram", "version": 2, "order": 3, "lines": 1, "counts": ROWS} | changes).encode()


def test_saved_and_loaded_models_are_equal(tmp_path: Path) -> None:
    model = NgramModel.from_texts(CORPUS, 3).tuned(0.4, 0.1, 0.9)
    for name in ("lm.json", "lm.json.gz"):
        model.save(tmp_path / name)
        for loaded in (NgramModel.load(tmp_path / name), NgramModel.open(tmp_path / name)):
            assert dict(loaded.counts) == model.counts and loaded.characters == set("abc") | {END}
            assert (loaded.order, loaded.weight, loaded.bonus, loaded.confidence_threshold) == (3, 0.4, 0.1, 0.9)
            assert loaded.lines == 4 and loaded.ngrams == model.ngrams
    assert (tmp_path / "lm.json").read_bytes().startswith(b"{")
    packed = (tmp_path / "lm.json.gz").read_bytes()
    model.save(tmp_path / "lm.json.gz")
    assert packed.startswith(b"\x1f\x8b") and packed == (tmp_path / "lm.json.gz").read_bytes()


def test_rare_ngrams_are_left_out() -> None:
    whole, pruned = NgramModel.from_texts(CORPUS, 3), NgramModel.from_texts(CORPUS, 3, prune=1)
    # Two characters must have been met once, three twice; single ones stay in any case.
    assert pruned.following("") == whole.following("") == {"a": 6, "b": 5, "c": 1, END: 4}
    assert pruned.following("c") == whole.following("c") == {"a": 1}
    assert (whole.following("ca"), pruned.following("ca")) == ({END: 1}, {})
    assert (whole.following("ba"), pruned.following("ba")) == ({"b": 2, END: 1}, {"b": 2})
    assert NgramModel.from_texts(CORPUS, 3, prune=2).following("c") == {}
    assert pruned.ngrams < whole.ngrams


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe", "lm"),
        (b"[]", "not a language model"),
        (b"{}", "not a language model"),
        (b"[" * 100_000, "nested deeper"),
        (content(lines=10**30), "an integer of more than 20 digits"),
        (content(format="other"), "not a language model"),
        (content(version=9), "written in format 9"),
        (content(version=None), "written in format None"),
        (content(order="3"), "order: '3'"),
        (content(order=True), "order: True"),
        (content(order=0), "order: 0"),
        (content(order=10**6), "order: 1000000"),
        (content(lines="many"), "lines: 'many'"),
        (content(lines=-1), "lines: -1"),
        (content(weight="much"), "weight: 'much'"),
        (content(weight=-1.0), "weight: -1.0"),
        (content(weight=True), "weight: True"),
        (content(bonus=[1]), r"bonus: \[1\]"),
        (content(below=1.5), "below: 1.5"),
        (content().replace(b'"lines": 1', b'"below": NaN'), "NaN"),
        (content(counts=[1]), "counts"),
        (content(counts={"a": "1 a"}), "counts: expected an object with the empty context"),
        (content(counts={"": {"a": 1}}), "counts: expected texts"),
        (content(counts={"": "1 a", "abc": "1 a"}), "contexts shorter than 3"),
        (content(counts={"": "0 a"}), "damaged after ''"),
        (content(counts={"": "-5 a"}), "damaged after ''"),
        (content(counts={"": "1,2 a"}), "damaged after ''"),
        (content(counts={"": ""}), "damaged after ''"),
        (b"\x1f\x8b" + b"no gzip", "damaged"),
        (gzip.compress(b"{}", mtime=0), "not a language model"),
        (gzip.compress(b"{}" * 500, mtime=0)[:-9], "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["lm.json", "lm.json.gz"])
def test_files_that_are_not_models_are_named(tmp_path: Path, data: bytes, message: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    for read in (NgramModel.load, lambda path: NgramModel.open(path).characters):
        with pytest.raises(DataError, match=message) as caught:
            read(path)
        assert name in caught.value.message


@pytest.mark.parametrize("row", ["0 a", "-3 a", "x a", "1,2 a", "1 "])
def test_a_damaged_row_is_named_when_it_is_used(tmp_path: Path, row: str) -> None:
    path = tmp_path / "lm.json"
    path.write_bytes(content(counts=ROWS | {"a": row}))
    model = CharacterModel(NgramModel.load(path), Charset("a"), 1.0, 0.0)
    with pytest.raises(DataError, match=r"lm\.json: damaged after 'a'"):
        model.score([1, 1])


def test_a_file_that_grows_when_unpacked_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lm.json.gz"
    path.write_bytes(gzip.compress(content()[:-1] + b" " * (MAX_JSON_BYTES + 1) + b"}", compresslevel=1))
    assert path.stat().st_size < MAX_JSON_BYTES / 100
    with pytest.raises(DataError, match=r"lm\.json\.gz: more than"):
        NgramModel.load(path)


def test_what_could_not_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_model, "MAX_JSON_BYTES", 100)
    with pytest.raises(DataError, match="expected at most 100") as caught:
        NgramModel.from_texts(CORPUS, 3).save(tmp_path / "lm.json")
    assert "--prune" in (caught.value.hint or "")
    assert not list(tmp_path.iterdir())


def test_the_counts_of_an_opened_model_are_read_when_first_used(tmp_path: Path) -> None:
    path = tmp_path / "lm.json.gz"
    NgramModel.from_texts(CORPUS, 3).tuned(0.4, 0.1, 0.9).save(path)
    model = NgramModel.open(path)
    path.write_bytes(b"gone")
    assert model.confidence_threshold == 0.9
    with pytest.raises(DataError, match="lm"):
        model.following("a")
    NgramModel.from_texts(CORPUS, 3).save(path)
    threads = [Thread(target=model.following, args=("a",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path.unlink()
    assert model.following("a") == {"b": 4, END: 2} and len(model.counts) > 3


def test_keys_in_another_order_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "lm.json"
    fields = json.loads(content(weight=0.5))
    path.write_text(json.dumps({key: fields[key] for key in reversed(fields)}), encoding="utf-8")
    assert NgramModel.open(path).weight == 0.5
    path.write_text(json.dumps(fields), encoding="utf-8")
    assert NgramModel.open(path).weight == 0.5


def test_missing_file_and_empty_corpus(tmp_path: Path) -> None:
    for read in (NgramModel.load, NgramModel.open):
        with pytest.raises(DataError, match="no such"):
            read(tmp_path / "none.json")
    with pytest.raises(DataError, match="no text"):
        NgramModel.from_texts(["", ""])
    with pytest.raises(ConfigError, match="order"):
        NgramModel.from_texts(["a"], order=0)
