from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.data.edit import journal
from ocrx.data.edit.journal import backup, is_inside, recover, replace_files
from ocrx.data.formats.layouts import JOURNAL_FILE, read_dataset
from ocrx.errors import DataError


def test_files_are_replaced_and_removed_together(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    replace_files(tmp_path, {"a.txt": b"a", "b.txt": b"b"}, ["old.txt", "never"], record={"seed": 1})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.txt": b"a",
        "b.txt": b"b",
        "split.json": b'{\n  "seed": 1\n}\n',
    }


def test_a_backup_never_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    for content, name in (("one", "train.txt.bak"), ("two", "train.txt.bak1"), ("one", "train.txt.bak")):
        path.write_text(content)
        assert backup(path).name == name
    assert [(tmp_path / f"train.txt.{end}").read_text() for end in ("bak", "bak1")] == ["one", "two"]


@pytest.mark.parametrize("done", [(), ("train.txt",), ("train.txt", "val.txt")])
def test_a_kill_in_the_middle_is_completed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: tuple[str, ...]
) -> None:
    for name in ("train.txt", "val.txt", "label.txt"):
        (tmp_path / name).write_text("a.png\told\n")

    def stop(root: Path) -> bool:
        """Move some files, then end."""
        if not (root / JOURNAL_FILE).exists():
            return False
        for name in done:
            (root / f"{name}.new").replace(root / name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(journal, "recover", stop)
        with pytest.raises(KeyboardInterrupt):
            new = {"train.txt": b"a.png\tnew\n", "val.txt": b"b.png\tnew\n"}
            replace_files(tmp_path, new, ["label.txt"])
    with pytest.raises(DataError, match="was interrupted"):
        read_dataset(tmp_path)

    assert recover(tmp_path)
    assert [sample.text for sample in read_dataset(tmp_path).samples] == ["new", "new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.txt", "val.txt"]
    assert not recover(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"put": [], "remove": ["../precious.txt"], "record": null}',
        '{"put": ["../precious.txt"], "remove": [], "record": null}',
        '{"put": [], "remove": [3], "record": null}',
        '{"put": [], "remove": ["a\\u0000b"], "record": null}',
        '{"put": [], "remove": [""], "record": null}',
    ],
)
def test_a_damaged_journal_touches_nothing(tmp_path: Path, content: str) -> None:
    root = tmp_path / "set"
    root.mkdir()
    (tmp_path / "precious.txt").write_text("precious")
    (tmp_path / "precious.txt.new").write_text("other")
    (root / JOURNAL_FILE).write_text(content)
    with pytest.raises(DataError, match="damaged"):
        recover(root)
    assert (tmp_path / "precious.txt").read_text() == "precious"


def test_names_inside_a_folder() -> None:
    assert is_inside("train.txt")
    assert is_inside("sub/a.gt.txt")
    assert not is_inside("/etc/passwd")
    assert not is_inside("a/../../b")
