from __future__ import annotations

from pathlib import Path

from PIL import Image
from support.datasets import write_noise_dataset
from support.issues import codes_and_places

from ocrx.data.checks.geometry import Geometry, recipe_geometry
from ocrx.data.checks.run import run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.model_spec import ImageSpec

WIDE = recipe_geometry("w4", "lcnetv4", {"width_stride": 4}, ImageSpec())
NARROW = recipe_geometry("w8", "lcnetv4", {"width_stride": 8}, ImageSpec())


def _found(root: Path, geometry: Geometry | None = None) -> list[tuple[str, str]]:
    return codes_and_places(run_checks(read_dataset(root), geometry, min_samples=0).issues)


def test_whether_a_label_fits_depends_on_the_model(tmp_path: Path) -> None:
    root = write_noise_dataset(
        tmp_path, ["a" * 8, "a" * 9, "abcdefgh", "abcdefghi", "abcd", "abcdefghijklmnop", "abcdefghijklmnopq"], ["a"]
    )
    # 64 pixels give 16 frames with stride 4 and 8 with stride 8; eight equal letters need 15.
    assert _found(root, geometry=None) == []
    assert _found(root, geometry=WIDE) == [
        ("label-too-long", "train.txt:2"),
        ("label-too-long", "train.txt:7"),
        ("label-crowded", "train.txt:4"),
        ("label-crowded", "train.txt:6"),
    ]
    assert _found(root, geometry=NARROW) == [
        *[("label-too-long", f"train.txt:{n}") for n in (1, 2, 4, 6, 7)],
        ("label-crowded", "train.txt:3"),
    ]


def test_a_tall_line_counts_as_the_model_turns_it(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["abcdefgh"], ["a"], size=(32, 128))
    turning = recipe_geometry("turning", "lcnetv4", {}, ImageSpec(steps=("rotate_tall",)))
    assert _found(root, geometry=turning) == []
    assert _found(root, geometry=WIDE) == [("image-aspect", "train.txt:1"), ("label-crowded", "train.txt:1")]


def test_letter_case_in_folders_and_unicode_form_of_names(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["a"], ["a"])
    (root / "Sub").mkdir()
    Image.effect_noise((40, 32), 50).save(root / "Sub" / "caf\u00e9.png")
    (root / "val.txt").write_text("sub/cafe\u0301.PNG\ta\n", encoding="utf-8")
    (issue,) = run_checks(read_dataset(root), min_samples=0).issues
    assert (issue.code, issue.where) == ("letter-case", "val.txt:1")
    assert "Sub/café.png" in issue.message
